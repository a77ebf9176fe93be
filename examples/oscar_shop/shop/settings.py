"""A small shop: Oscar as its documentation sets it up, and the app ``artwork``."""

import os
from pathlib import Path

from oscar import INSTALLED_APPS as OSCAR_APPS
from oscar.defaults import *  # noqa: F403 - that is how Oscar wants it

HOME = Path(__file__).parents[1]

SECRET_KEY = os.environ.get("SHOP_SECRET_KEY", "for-trying-it-out-only")
DEBUG = "SHOP_SECRET_KEY" not in os.environ
ALLOWED_HOSTS = os.environ.get("SHOP_HOSTS", "").split()
ROOT_URLCONF = "shop.urls"
SITE_ID = 1
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"  # what Oscar's own migrations were made with

INSTALLED_APPS = [*OSCAR_APPS, "artwork"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SHOP_DATABASE", HOME / "shop.sqlite3"),
        "OPTIONS": {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",  # waits for others at its begin; later it could only fail
            "init_command": "PRAGMA journal_mode = WAL",  # the shop goes on reading while a scan writes
        },
    }
}
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
HAYSTACK_SIGNAL_PROCESSOR = "haystack.signals.BaseSignalProcessor"  # that engine has no index to keep

AWAITING_ARTWORK, IN_PRODUCTION, SHIPPED, CANCELLED = "Awaiting artwork", "In production", "Shipped", "Cancelled"
OSCAR_INITIAL_ORDER_STATUS = OSCAR_INITIAL_LINE_STATUS = AWAITING_ARTWORK
OSCAR_ORDER_STATUS_PIPELINE = {
    AWAITING_ARTWORK: (IN_PRODUCTION, CANCELLED),
    IN_PRODUCTION: (SHIPPED, CANCELLED),
    SHIPPED: (),
    CANCELLED: (),
}
OSCAR_LINE_STATUS_PIPELINE = OSCAR_ORDER_STATUS_PIPELINE
OSCAR_ORDER_STATUS_CASCADE = {status: status for status in OSCAR_ORDER_STATUS_PIPELINE}

AUTHENTICATION_BACKENDS = [
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "oscar.apps.search.context_processors.search_form",
                "oscar.apps.checkout.context_processors.checkout",
                "oscar.apps.communication.notifications.context_processors.notifications",
                "oscar.core.context_processors.metadata",
            ],
        },
    }
]
