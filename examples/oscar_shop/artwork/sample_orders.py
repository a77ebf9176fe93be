"""Sample orders, placed like those of a customer: a basket, then Oscar's checkout."""

from decimal import Decimal

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model
from oscar.core.loading import get_class, get_model

from artwork.client import PRINTED

Basket = get_model("basket", "Basket")
Partner = get_model("partner", "Partner")
Product = get_model("catalogue", "Product")
ProductClass = get_model("catalogue", "ProductClass")
Free = get_class("shipping.methods", "Free")
OrderNumberGenerator = get_class("order.utils", "OrderNumberGenerator")
OrderPlacementMixin = get_class("checkout.mixins", "OrderPlacementMixin")
OrderTotalCalculator = get_class("checkout.calculators", "OrderTotalCalculator")
Selector = get_class("partner.strategy", "Selector")


def product(title: str, kind: str = PRINTED) -> Model:
    """Gets or creates the product with this title. It has no stock count, because it is made to order."""
    product_class, _ = ProductClass.objects.get_or_create(name=kind, defaults={"track_stock": False})
    found, is_new = Product.objects.get_or_create(title=title, product_class=product_class)
    if is_new:
        partner, _ = Partner.objects.get_or_create(name="The print shop")
        found.stockrecords.create(partner=partner, partner_sku=title, price=Decimal("9.90"))
    return found


def place_order(*products: Model) -> Model:
    """Adds the products to a basket, one line each, and runs the checkout."""
    basket = Basket.objects.create()
    basket.strategy = Selector().strategy()
    for added in products:
        basket.add_product(added)
    method = Free()
    charge = method.calculate(basket)
    order = OrderPlacementMixin().place_order(
        order_number=str(OrderNumberGenerator().order_number(basket)),
        user=AnonymousUser(),
        basket=basket,
        shipping_address=None,
        shipping_method=method,
        shipping_charge=charge,
        order_total=OrderTotalCalculator().calculate(basket, charge),
    )
    basket.submit()
    return order
