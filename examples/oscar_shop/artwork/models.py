"""The tables that this shop adds to Oscar."""

from django.db import models


class Artwork(models.Model):
    """The print file of one placement of an order line."""

    line = models.ForeignKey("order.Line", on_delete=models.CASCADE, related_name="artworks")
    placement = models.CharField(max_length=100)
    name = models.TextField()
    url = models.TextField(help_text="Secret until it expires: everyone who has this URL can download the file.")
    expires_at = models.DateTimeField(null=True)
    media_type = models.CharField(max_length=100)
    size = models.BigIntegerField()
    version = models.TextField()

    class Meta:
        """One file for each placement of a line."""

        constraints = (models.UniqueConstraint(fields=["line", "placement"], name="one_artwork_a_placement"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.placement})"


class Fulfillment(models.Model):
    """The confirmation of an order, created in the transaction that changes the order's status."""

    order = models.OneToOneField("order.Order", on_delete=models.CASCADE, related_name="fulfillment")
    key = models.CharField(max_length=64, unique=True)
    confirmed_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"fulfillment-{self.pk}"


class LedgerRow(models.Model):
    """The ledger row of one approval of an order. Only ``DjangoLedger`` writes it.

    A forgotten row stays if files were printed for its order. Its key can then be used again.
    """

    tenant = models.TextField()
    order_id = models.TextField()
    approval = models.TextField()
    order_number = models.TextField()
    state = models.TextField()
    items = models.JSONField(default=dict)
    receipt = models.TextField(null=True)  # noqa: DJ001 - null means no receipt, which differs from an empty one
    work = models.TextField()
    reason = models.TextField()
    settled_by = models.TextField()
    call_limit = models.DurationField(null=True)
    intent_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()
    owner = models.TextField(null=True)  # noqa: DJ001 - null means no owner, which differs from an empty name
    lease_until = models.DateTimeField()
    epoch = models.BigIntegerField(default=0)
    writes = models.BigIntegerField(default=0)
    sent_files = models.JSONField(default=list)
    attached_files = models.JSONField(default=list)
    review_files = models.TextField(default="")
    accepted_by = models.TextField(default="")
    unresolved = models.BooleanField(default=False)
    forgotten = models.BooleanField(default=False)
    silent_scans = models.IntegerField(default=0)
    seen_at = models.DateTimeField()

    class Meta:
        """One row for each approval, and an index by order number."""

        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "order_id", "approval"],
                condition=models.Q(forgotten=False),
                name="one_row_an_approval",
            ),
        )
        indexes = (models.Index(fields=["tenant", "order_number"], name="ledger_row_by_number"),)

    def __str__(self) -> str:
        return f"{self.order_number}: {self.state}"


class UsedFile(models.Model):
    """A file that was printed for the order of a row, or may have been."""

    row = models.ForeignKey(LedgerRow, on_delete=models.CASCADE, related_name="used_files")
    file_key = models.TextField(db_index=True)

    def __str__(self) -> str:
        return f"{self.file_key}: {self.row}"
