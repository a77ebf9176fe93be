"""What this shop adds to Oscar's tables."""

from django.db import models


class Artwork(models.Model):
    """The print file of one side of an order's line."""

    line = models.ForeignKey("order.Line", on_delete=models.CASCADE, related_name="artworks")
    placement = models.CharField(max_length=100)
    name = models.TextField()
    url = models.TextField(help_text="A secret for as long as it works: whoever has it can download the file.")
    expires_at = models.DateTimeField(null=True)
    media_type = models.CharField(max_length=100)
    size = models.BigIntegerField()
    version = models.TextField()

    class Meta:
        """One file a side, whatever happens."""

        constraints = (models.UniqueConstraint(fields=["line", "placement"], name="one_artwork_a_placement"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.placement})"


class Fulfillment(models.Model):
    """An order was confirmed: its row appears in the very transaction that changes the order's status."""

    order = models.OneToOneField("order.Order", on_delete=models.CASCADE, related_name="fulfillment")
    key = models.CharField(max_length=64, unique=True)
    confirmed_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"fulfillment-{self.pk}"


class LedgerRow(models.Model):
    """What the scans remember of one approval of an order. ``DjangoLedger`` alone writes it."""

    tenant = models.TextField()
    order_id = models.TextField()
    approval = models.TextField()
    order_number = models.TextField()
    state = models.TextField()
    items = models.JSONField(default=dict)
    receipt = models.TextField(null=True)  # noqa: DJ001 - no receipt is another thing than an empty one
    work = models.TextField()
    reason = models.TextField()
    settled_by = models.TextField()
    call_limit = models.DurationField(null=True)
    intent_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()
    owner = models.TextField(null=True)  # noqa: DJ001 - nobody is another thing than an empty name
    lease_until = models.DateTimeField()
    epoch = models.BigIntegerField(default=0)
    writes = models.BigIntegerField(default=0)
    silent_passes = models.IntegerField(default=0)
    named_at = models.DateTimeField()

    class Meta:
        """Found by the order's id or its number."""

        constraints = (models.UniqueConstraint(fields=["tenant", "order_id", "approval"], name="one_row_an_approval"),)
        indexes = (models.Index(fields=["tenant", "order_number"], name="ledger_row_by_number"),)

    def __str__(self) -> str:
        return f"{self.order_number}: {self.state}"
