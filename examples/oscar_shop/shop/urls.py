"""The shop's pages are Oscar's own; its dashboard shows the orders and their statuses."""

from django.apps import apps
from django.urls import include, path

urlpatterns = [path("", include(apps.get_app_config("oscar").urls[0]))]
