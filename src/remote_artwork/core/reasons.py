"""Reasons: the codes and fields of every outcome, and the catalog that renders them as text.

Outcomes, unmatched files, findings and faults carry a ``Reason``. A program switches on its code and reads its fields.
Text is rendered last, from a catalog, and never parsed. For another language, create a ``Catalog`` with the same codes
and pass it to ``ScanReport.render``.

Templates use the syntax of ``str.format``, with these format specs:

=============  =====================================================================
``list``       names or numbers, joined by commas
``and``        names, joined by "and"
``files``      expected names, each with ``.<jpg|png|pdf>``
``duration``   seconds, as the two largest units
``on``         an ISO time as `` on 2026-11-28 10:00 UTC``; nothing where it is None
``receipt``    a receipt as `` (receipt r-1)``; nothing where it is None
``item``       item number and label of an item, as ``item 2: Mug``
``items``      items with label and status, as ``item 1 (missing), item 2: Mug (late)``
``print``      order number, item number and placement of one print
``prints``     several of these
``codes``      codes of this catalog, joined by semicolons
``word``       a word of the catalog
``words``      words of the catalog, joined by "or"
``parts``      part of a location → its value, as ``bucket prints, folder in/``
``pages``      a number of pages
``orders``     a number of orders
``reasons``    other reasons, as ``to_dicts`` writes them
``bytes``      a size in bytes
``finding``    a finding of a check, as ``Finding.to_dict`` writes it
``findings``   several findings of one file
``rejections`` several files, each with a finding
=============  =====================================================================
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen

from remote_artwork.core.cures import SESSION_DURATION
from remote_artwork.core.text import redact_signatures

PLANNING = {
    "no_artwork_needed": "needs no artwork",
    "found": "found {files:list}",
    "attached": "attached {files:list}",
    "passed_over": "not used because the policy prefers another file: {files:list}",
    "checked_earlier": "checked earlier, and not changed since",
    "waiting_for_files": "waits for {basenames:files}",
    "misnamed_file": "found a similar name: {file}; if it is the right file, rename it to {suggestion}",
    "misnamed_files": ("found similar names: {files:list}; rename the right file to {basename} and keep its extension"),
    "late": "has waited {age:duration} for {basenames:files}; upload it or cancel the order",
    "only_neighbors_seen": (
        "only the parts of the folder with expected names were listed; a scan with sweep also finds files with other "
        "names"
    ),
    "order_waits": "the order waits for {items:items}",
    "named_in_manifest": "waits for exactly {file}, which line {line} of {manifest} names",
    "manifest_changed": "the manifest was changed during the scan, so nothing was sent; the next scan reads it again",
    "sku_changed": "the SKU of an item was changed in the shop, so it needs another file",
    "manifest_not_read": "the manifest {manifest} cannot be used, so nothing is sent; correct it",
    "manifest_too_large": "{manifest} has more than {limit:bytes}; remove the rows of orders that are done",
    "manifest_not_utf8": "line {line} of {manifest} is not UTF-8 text; save the file as CSV UTF-8",
    "manifest_not_csv": "line {line} of {manifest} is not valid CSV: {error}; correct the line",
    "manifest_columns": (
        "line {line} of {manifest} must name the columns order_number, order_item_number and file, and may name "
        "placement; it names {columns:list}"
    ),
    "manifest_cells": "line {line} of {manifest} has {cells} values instead of {columns}; correct the line",
    "manifest_cell": (
        "line {line} of {manifest}: {column} is empty, begins or ends with a space, or has a control character; "
        "correct it"
    ),
    "manifest_unknown_item": (
        "line {line} of the manifest names item {item_number}, but the items of the order are {items:list}; correct it"
    ),
    "manifest_unknown_placement": (
        "line {line} of the manifest names the placement {placement}, but those of the item are {placements:list}; "
        "correct it"
    ),
    "manifest_print_twice": "lines {lines:list} of the manifest name a file for the same print; keep one of them",
    "manifest_file_twice": (
        "lines {lines:list} of the manifest name the file {file}; give each print a file of its own, and remove the "
        "lines of orders that are done"
    ),
    "manifest_file_name": "line {line} of the manifest names {file}, but {error}; correct it",
    "manifest_file_format": "line {line} of the manifest names {file}, which is not a JPG, PNG or PDF; correct it",
    "manifest_orders_not_pending": (
        "it has {rows} lines for orders that are not pending, such as {order_numbers:list} (lines {lines:list}); "
        "remove them if the orders are done, or correct the numbers"
    ),
    "several_files": "several files for one print: {files:list}; delete all but the right one",
    "file_empty": (
        "{file} is empty, so its upload may not be finished; it is checked when it is {settle_for:duration} old"
    ),
    "file_just_changed": (
        "{file} was changed just now, so its upload may not be finished; it is checked when it is "
        "{settle_for:duration} old"
    ),
    "file_not_known": "it is not known whether {file} exists: {error}",
    "printed_for_other_order": (
        "{file} was already printed for order {order_number} (id {order_id}); replace it with this order's own file"
    ),
    "may_be_printed_for_other_order": (
        "{file} may have been printed for order {order_number} (id {order_id}); replace it with this order's own file"
    ),
    "name_not_possible": "{error}; change the number in the shop",
    "sku_missing": (
        "the item has no SKU, and the pattern {pattern} names files by it; enter the SKU of the product in the shop"
    ),
    "sku_not_possible": "{error}; change the SKU in the shop",
    "name_not_computed": "no file was searched for, because the order was not read",
    "number_not_unique": (
        "{order_number} is the number of several pending orders (ids {order_ids:list}), so a file could belong to any "
        "of them; change the number in the shop"
    ),
    "name_not_unique": (
        "the name {basename} is also expected by {others:prints}; use a pattern that gives each its own name"
    ),
    "placements_share_name": (
        "the pattern {pattern} gives all placements of this item the name {basename}; add {{placement}} to it"
    ),
    "fulfilled_earlier": "fulfilled earlier{at:on}; nothing was sent again",
    "order_without_items": (
        "the order lists no items, so there is nothing to print; if that is wrong, correct it in the shop"
    ),
    "order_unreadable": "the order (id {order_id}) could not be read: {error}; correct it in the shop",
    "listed_but_not_pending": (
        "the shop's list of pending orders includes it, but its state is {state}; nothing was sent"
    ),
    "numbers_not_known": (
        "the list of pending orders is incomplete, so another order may have the same number; nothing was sent, and "
        "the next scan reads the list again"
    ),
    "unreadable_number": (
        "another pending order (id {order_id}) could not be read and may have the same number, so nothing was sent; "
        "correct that order in the shop"
    ),
    "order_number_unknown": (
        "no pending order has the number {order_number}; check the number, and the order in the shop"
    ),
    "order_number_similar": "no pending order has the number {order_number}; did you mean {suggestion}?",
    "orders_not_found": (
        "the list of pending orders is incomplete, and the shop could not say which other orders have this number: "
        "{error}; nothing was sent"
    ),
    "duplicate_id": "the shop lists the order id {order_id} twice, with different contents; correct it in the shop",
    "earlier_approval_unresolved": (
        "a fulfill call for another approval of this order has an unknown outcome; that call is resolved first"
    ),
    "storage_not_read": "the storage could not be read, so it is not known whether the file exists: {error}",
    "ledger_not_read": "the ledger could not be read, so nothing was sent: {error}",
}
"""Why a plan gives an item its status."""

SENDING = {
    "fulfilled": "fulfilled with {files:list}",
    "fulfilled_by_other_scan": "fulfilled by another scan just now; nothing was sent again",
    "fulfilled_before": "fulfilled{at:on}{receipt:receipt}; nothing was sent again",
    "fulfilled_after_earlier_call": (
        "the shop reports it as fulfilled, after an earlier call of this library ({fulfiller:word})"
    ),
    "fulfilled_after_lost_answer": (
        "the shop reports it as fulfilled, after a call whose answer was lost ({fulfiller:word})"
    ),
    "already_fulfilled": "the shop reports that it is fulfilled already ({fulfiller:word})",
    "fulfilled_elsewhere": "fulfilled elsewhere, not by this library ({fulfiller:word})",
    "pending_after_receipt": ("fulfilled{at:on}{receipt:receipt}, but the shop still lists it as pending"),
    "pending_again": "the shop lists it as pending again",
    "order_gone": "the shop no longer knows the order",
    "no_longer_pending": "the shop no longer lists it as pending ({state})",
    "no_longer_accepted": "the shop no longer accepts it: {error}",
    "cancelled_not_fulfilled": "the shop cancelled it and did not fulfill it",
    "order_changed": (
        "the order changed while it was being processed; nothing was sent, and the next scan reads it again"
    ),
    "order_changed_in_doubt": "the order has just changed in the shop; the next scan reads it again",
    "order_not_read": "the order could not be read again: {error}",
    "not_tried": "not tried, and nothing was sent: {error}",
    "nothing_sent": "nothing was sent: {error}",
    "nothing_sent_unreadable": "{error}; nothing was sent",
    "held_by_other_scan": (
        "another scan is processing this order, or was interrupted; the order can be processed again within "
        "{free_within:duration}"
    ),
    "stopped": "left for the next scan: this one was stopped before the order",
    "limit_reached": "left for the next scan: this one was limited to {limit:orders}",
    "deleted_after_check": "{error}; the file was deleted after it was checked",
    "deleted_during_scan": "{error}; the file was deleted during the scan",
    "replaced_during_scan": "{error}; nothing was sent, and the next scan checks the new file",
    "files_keep_changing": "its files keep changing; nothing was sent, and the next scan checks them again",
    "other_file_arrived": (
        "{files:list} appeared during the scan, and the policy prefers it; nothing was sent, and the next scan checks "
        "it"
    ),
    "no_url": "no URL could be created: {error}; nothing was sent",
    "no_url_call_unresolved": "no URL could be created: {error}; a later scan resolves the earlier fulfill call",
    "shop_refused": "the shop refused the order: {error}",
    "rate_limited": "the shop allows no more calls for now ({error}); nothing was sent, and the next scan tries again",
    "payment_required": "the shop holds the order until it is paid for ({error}); the files are fine",
    "artwork_unreachable": "the shop could not download the file ({error}); the next scan gives it a new URL",
    "file_rejected": "{file}: {finding:finding}",
    "files_rejected": "{rejections:rejections}",
    "artwork_rejected": "the shop refused the artwork: {error}",
    "attach_outcome_unknown": "it is not known whether it was attached ({error}); the next scan attaches it again",
    "attach_unresolved": (
        "it is not known whether its artwork was attached, and the shop no longer lists it as pending; the next scan "
        "reads it"
    ),
    "attach_in_doubt_refused": (
        "the shop no longer accepts it ({error}), and it is not known whether an earlier call attached its artwork; "
        "the next scan reads it"
    ),
    "not_listed_after_attach": (
        "it is not known whether its artwork was attached; it is pending, but the shop's list does not include it, so "
        "the next scan reads it again"
    ),
    "not_pending_after_attach": (
        "it is not known whether its artwork was attached, and its state in the shop is now {state}; nothing was sent; "
        "once it is pending again, the next scan attaches its artwork again and sends it"
    ),
    "fulfilled_after_attach": (
        "it was fulfilled elsewhere ({fulfiller:word}), and it is not known whether its artwork was attached before"
    ),
    "order_gone_after_attach": (
        "it is not known whether its artwork was attached, and the shop no longer knows the order"
    ),
    "approved_again_after_attach": "the order was approved again; the new approval is processed instead",
    "attach_not_recorded": (
        "artwork was attached, but the ledger did not record it ({error}); it is attached again before the order is "
        "sent"
    ),
    "call_not_recorded": (
        "a fulfill call was started, and the ledger did not record its result ({error}){receipt:receipt}; the next "
        "scan reads the order again"
    ),
    "call_unresolved": "a fulfill call was started, and its outcome is not known; the next scan reads the order again",
    "call_in_flight": ("a fulfill call may still be running; a scan reads the order again after {call_limit:duration}"),
    "call_not_started": (
        "the call to the shop was not made, because too much time had passed since the ledger recorded it; the next "
        "scan tries again"
    ),
    "call_had_no_effect": "an earlier fulfill call had no effect; the next scan sends the order",
    "outcome_unknown": "it is not known whether the order was fulfilled ({error})",
    "outcome_unknown_will_retry": (
        "it is not known whether the order was fulfilled ({error}); the next scan repeats the call with the same key, "
        "which has no second effect"
    ),
    "outcome_unknown_will_ask": "it is not known whether the order was fulfilled ({error}); a later scan asks the shop",
    "retry_refused": (
        "the shop refused a retry ({error}); it is not known whether the first call fulfilled the order, and the next "
        "scan asks the shop again"
    ),
    "retry_rate_limited": (
        "the shop allows no more calls for now, so it refused a retry ({error}); it is not known whether the first "
        "call fulfilled the order, and the next scan tries again"
    ),
    "retry_needs_storage": "{error}; the next scan repeats the fulfill call",
    "not_listed_in_doubt": (
        "a fulfill call was started, and its outcome is not known; the shop's list does not include the order, so the "
        "next scan reads it again"
    ),
    "call_started_outcome_unknown": "a fulfill call was started, and its outcome is not known",
    "approved_again_in_doubt": "the order was approved again after a fulfill call was started",
    "order_edited_in_doubt": (
        "a fulfill call was started, and its outcome is not known; after that, the order was changed"
    ),
    "file_replaced_in_doubt": (
        "a fulfill call was started, and its outcome is not known; after that, a file was replaced, or a second one "
        "appeared"
    ),
    "sent_and_put_back": (
        "the order has this library's idempotency key, so it was sent before; but its state in the shop is {state}"
    ),
    "state_unclear_in_doubt": (
        "a fulfill call was started, and its outcome is not known; in the shop the order is neither pending, nor "
        "fulfilled, nor cancelled"
    ),
    "order_gone_in_doubt": (
        "a fulfill call was started, and its outcome is not known; the shop no longer knows the order"
    ),
    "call_ended_after_lease": "a fulfill call ended after another scan had taken over the order{receipt:receipt}",
    "resolve": (
        "check the order in the shop, then record what happened: {command} (or --not-fulfilled); add the --ledger or "
        "--orders-file of your scans"
    ),
    "look_at_shop": "check the order in the shop",
    "replacement_not_checked": (
        "it could not be checked whether {files:list} was replaced while the order was sent: {error}"
    ),
    "replaced_after_send": (
        "{files:list} was replaced during or after the call that sent the order; the earlier file is printed; check "
        "the order"
    ),
    "replaced_after_send_unpinned": (
        "{files:list} was replaced during or after the call that sent the order; the earlier file is printed, or the "
        "newer one, which was not checked; check the order"
    ),
    "resolved_by_person": "recorded by {person}",
    "awaiting_review": "waits for a person who accepts its files (digest {digest})",
    "accept": (
        "compare the files with the order, then accept them: {command}; add the --ledger or --orders-file of your scans"
    ),
    "will_await_review": "the next scan checks its files; then a person must accept them before they are sent",
    "may_be_released": (
        "its files are older than {release_after:duration}, so the next scan sends them without a review if it knows "
        "their version or SHA-256; otherwise, a person must accept them"
    ),
    "accepted_other_files": "{person} accepted other files; they were replaced since",
}
"""What happened to an order that a scan processed."""

UNMATCHED = {
    "no_order_yet": "no pending order expects it yet; it is used when the order arrives",
    "no_order_of_product": "no pending order has a product with this SKU; the file is used when an order has one",
    "near_miss": "{rules:codes}; {print:print} waits for {suggestion}",
    "near_miss_has_file": "{rules:codes}; {print:print} has its file already, so this one is not used",
    "near_miss_of_several": (
        "{rules:codes}; {print:print} waits for one file, and there are other similar names: {files:list}; rename the "
        "right file to {basename} and keep its extension"
    ),
    "in_other_folder": (
        "it is in the folder {folder}, so it is not used; order {order_number} waits for {basenames:list}; move and "
        "rename the file if it should be printed"
    ),
    "several_orders_in_name": (
        "its name contains the numbers of several pending orders: {order_numbers:list}; rename it to the name that one "
        "of them expects"
    ),
    "hidden_file_of_order": (
        "it is a hidden file, because its name begins with a dot; order {order_number} waits for {basenames:list}"
    ),
    "order_expects_other_names": (
        "order {order_number} does not expect this name; it expects {basenames:list}; rename the file if it is for "
        "this order"
    ),
    "order_expects_more_names": (
        "order {order_number} does not expect this name; it expects {basenames:list} and {more} more; rename the "
        "file if it is for this order"
    ),
    "order_needs_no_artwork": "order {order_number} has no item that needs artwork",
    "order_fulfilled_already": "order {order_number} is already fulfilled with other files; this one was not used",
    "order_cancelled": "order {order_number} is cancelled; this file is not used",
    "replaced_after_fulfillment": (
        "it was replaced after it was checked for order {order_number}, which is fulfilled; it is not sent again"
    ),
    "hidden_file": "it is a hidden file",
    "other_name": "its name does not follow the pattern {pattern}",
    "other_file": "it is not a print file",
    "key_in_nameless_folder": (
        "it cannot be used, because it lies in a folder without a name (two slashes); upload it again with one slash"
    ),
    "key_too_long": (
        "it cannot be used, because its name has more than {most:,} characters; upload it with a shorter one"
    ),
    "key_unprintable": "it cannot be used, because its name has a control character; upload it with a plain name",
    "key_with_backslash": (
        "it cannot be used, because its name has a backslash, which does not separate folders here; upload it with a "
        "plain name"
    ),
    "key_with_dot_folder": (
        "it cannot be used, because a folder in its path is named '.' or '..'; upload it to another folder"
    ),
    "format_not_printed": ".{extension} files are not printed; save it as JPEG, PNG or PDF",
    "extension_to_correct": "{rules:codes}; its name should end in .{extension}",
    "no_extension": "its name has no extension; save it as JPEG, PNG or PDF",
    "wait_for_upload": "its upload is not finished; wait for it, or upload the file again",
    "check_rejected": "{finding:finding}",
    "checks_rejected": "{findings:findings}",
    "not_preferred": "not used because the policy prefers {files:list}",
}
"""Why a file is not used, or not yet."""

NEAR_MISS_RULES = {
    "upload_not_finished": "its upload is not finished",
    "text_after_extension": "it has a dot or a space after its extension",
    "other_extension": "it has another extension of the same format",
    "two_extensions": "it has two extensions",
    "marked_as_copy": "it is marked as a copy or a version",
    "in_a_folder": "it is in a folder",
    "word_in_front": "it starts with an extra word",
    "extra_words": "it has extra words",
    "invisible_characters": "it has invisible characters",
    "compatibility_characters": "it has special forms of characters (such as full-width digits)",
    "extra_spaces": "it has extra spaces",
    "number_sign": "the '#' before the number is extra or missing",
    "letter_o": "it has the letter O instead of a zero",
    "look_alike_letters": "it has letters that look like other letters or digits",
    "letter_case": "upper and lower case differ",
    "leading_zeros": "its leading zeros differ",
    "missing_separator": "a separator is missing",
    "other_separator": "it has the wrong separator",
    "order_id_in_name": "it has the id of the order instead of its number",
    "item_left_out": "it does not say which item it is for",
    "swapped_numbers": "the numbers of order and item are swapped",
}
"""The rules that a near miss breaks."""

CHECKS = {
    "empty": "the file is empty; upload it again",
    "too_large": (
        "the file has {size:bytes}, and this shop accepts at most {limit:bytes}; save it with a lower resolution or "
        "more compression"
    ),
    "wrong_type": "the name ends in .{extension}, but the file is {type:word}",
    "saved_instead_of_file": "it was saved instead of the file; upload the {format} itself",
    "rename_or_save_as": "rename it to end in .{extension}, or save it as {format}",
    "save_as": "open it in the program that made it, and save it as {format}",
    "truncated": "the file is incomplete",
    "end_missing": "it begins as {type:word}, but its end is missing; upload it again",
    "delivered_less": "the storage lists {size:bytes}, but delivered {received:bytes}; upload it again",
    "text_mode": "a transfer in text mode changed the bytes of the file; upload it again in binary mode",
    "check_failed": "the check {check} failed ({error}), so the file is not printed; see the log",
    "too_complex": "the {medium:word} cannot be checked: {cause:word}; export it again, smaller or simpler",
    "damaged": "the {medium:word} is damaged: {flaw:word}; export it again and upload it",
    "pixels": "the picture has {width:,} × {height:,} pixels",
    "too_many_pixels": (
        "the picture has {width:,} × {height:,} pixels, and at most {limit:,} in total are accepted; save it with "
        "fewer pixels"
    ),
    "too_few_pixels": (
        "the picture has {width:,} × {height:,} pixels, and this print needs {min_width:,} × {min_height:,} or more; "
        "upload it with more pixels"
    ),
    "other_pages": "the file has {pages:pages}, and this print needs {demanded:pages}; upload a file with that many",
    "sha256": "the file has the SHA-256 {sha256}, as the shop expects",
    "other_sha256": (
        "the file has the SHA-256 {sha256}, and the shop expects {demanded}; upload the file that was approved"
    ),
    "not_measured": (
        "the shop sets {field} for this item, and no check measured it, so the file is not printed; use deep checks "
        "(preflight)"
    ),
    "too_small": "the picture has only {width:,} × {height:,} pixels; upload the artwork itself",
    "not_decoded": "the picture is too large to be checked completely; to be sure, save it as a baseline JPEG",
    "scans_missing": (
        "the picture is a progressive JPEG without its last parts, so it looks coarse; export it again, and check that "
        "it is sharp"
    ),
    "unusual_coding": (
        "the picture is a JPEG of a kind that many programs cannot open (arithmetic or lossless); save it as a "
        "baseline JPEG"
    ),
    "gray_end": "the picture ends in plain gray, as if a part were missing; check that it is complete",
    "resolution": "it has {dpi:.0f} dpi at {width_mm:g} × {height_mm:g} mm",
    "low_resolution": (
        "it has {dpi:.0f} dpi at {width_mm:g} × {height_mm:g} mm, so it may look blurred; upload it with "
        "{width:,} × {height:,} pixels or more"
    ),
    "color_mode": "its colors are {color:word}",
    "color_not_accepted": "they may be printed differently; save it in {accepted:words}",
    "encrypted": "the PDF is protected by a password; save it without one",
    "printing_forbidden": "the PDF does not permit printing in full quality; save it without this restriction",
    "portfolio": "the PDF is a collection of files, and its page is only a note; upload the file to print",
    "dynamic_form": "the PDF is a dynamic form (XFA), and its page is only a note; print it to a PDF and upload that",
    "no_pages": "the PDF has no pages; export it again",
    "pages": "the PDF has {pages:pages}",
    "too_many_pages": (
        "the PDF has {pages:pages}, and at most {limit:pages} can be printed; export only the pages to print"
    ),
    "repaired": "the PDF is damaged and had to be repaired to open it; to be sure, export it again",
    "partly_decoded": "the PDF is so large that only a part of it was checked; check all its pages yourself",
    "box_ignored": "page {page}: its {boxes:and} cannot be used and was ignored; check the size of the page",
    "page_size": "page {page} is {width_mm:.0f} × {height_mm:.0f} mm",
    "page_size_differs": ("the print is {width_mm:.0f} × {height_mm:.0f} mm; export it in the size of the print"),
    "bleed": (
        "page {page} has {bleed_mm:.1f} mm of bleed, so a white edge may show; export it with {required_mm:g} mm on "
        "each side"
    ),
    "fonts": "all fonts are embedded",
    "fonts_unknown": "the fonts of the PDF could not be read; to be sure, export it with fonts embedded",
    "font_not_embedded": (
        "fonts are missing from the PDF ({fonts:list}), so others may be printed; export it with fonts embedded"
    ),
}
"""What a check found in a file. A check of your own can have codes and messages of its own."""

EXPLAIN = {
    "extension_printed": "the extension {extension!r} is accepted",
    "extension_not_printed": "the extension {extension!r} is not accepted; use jpg, jpeg, png or pdf",
    "name_follows_pattern": "the name {basename!r} follows the pattern {pattern}",
    "name_does_not_follow_pattern": "the name {basename!r} does not follow the pattern {pattern}",
    "orders_pending": "pending orders: {orders}; items that need artwork: {items}",
    "file_found": "the file exists, and {print:print} expects it",
    "more_items_expect_file": "items of pending orders that expect it, too: {count:,} more",
    "file_found_not_expected": "the file exists, and no pending item expects this name",
    "file_in_ledger": "the ledger records it as artwork of order {order_number} ({state}{at:on})",
    "file_used_earlier": "it was used for order {order_number}; there is nothing to do",
    "file_not_answered": "the storage did not say clearly whether it exists",
    "file_missing": "{print:print} expects it, but it does not exist",
    "file_not_needed": "it does not exist, and {print:print} does not wait for it",
    "file_missing_not_expected": "it does not exist, and no pending item expects it",
    "upload_file": "{status}: upload it as {file}",
    "status_of_file": "{status}: {reasons:reasons}",
    "nothing_to_do": "there is nothing to do",
    "order_done": "there is nothing to do: order {order_number} is {state}",
    "order_done_in_ledger": "it does not exist, and the ledger records order {order_number} as {state}",
    "order_pending": "order {order_number} (id {order_id}) is pending; number of items: {items}",
    "status_of_item": "{item:item} has the status {status}: {reasons:reasons}",
    "item_in_ledger": "the ledger records {item:item} as {state} ({files:list}), and its order as {order_state}",
    "order_not_listed": "the shop's pending orders do not include order {order_number}; pending orders: {orders}",
    "order_in_ledger": "the ledger records it as {state} (id {order_id})",
    "order_not_pending": (
        "the shop does not list it as pending; if that is wrong, check the number, and the order's state in the shop"
    ),
    "order_complete": "all its files exist; the next scan fulfills it",
    "order_needs_nothing": "none of its items needs artwork, so this library does not fulfill it",
    "part_not_used": "the {part:word} could not be used: {reasons:reasons}",
    "cannot_explain": "the result can be explained only when this works again",
}
"""The steps and verdicts of ``Scanner.explain``."""

STORAGE = {
    "private_looks_missing": (
        "the server responds with HTTP 403 for every missing file, so a file that is not public also looks missing"
    ),
}
"""Notes of a storage about missing files."""

CLIENT_CHECK = {
    "names_follow_pattern": "files whose name follows the pattern {pattern}: {following:,} of {files:,}",
    "name_outside_pattern": "for example, {file} does not",
    "only_first_files": "only the first {files:,} files were compared",
    "orders_with_files": (
        "pending orders that need artwork: {orders:,}; with all their files: {all:,}; with some: {some:,}; "
        "without any: {none:,}"
    ),
    "near_miss_found": "{file}: {reasons:reasons}",
    "more_near_misses": "further files with a similar name: {count:,}; a plan lists them",
    "conflict_found": "order {order}, item {item}: {reasons:reasons}",
    "more_conflicts": "further items with a conflict: {count:,}; a plan lists them",
    "manifest_rows": "rows in {manifest}: {rows:,}",
    "manifest_not_found": "there is no file {manifest} in the folder, so all files are found by the pattern",
    "client_declares": "recovery {recovery}, attaching {attaching}, call limit {seconds:,} s",
    "client_logged_in": "the shop accepts the login and returns its pending orders",
    "orders_file_read": "the orders file can be read",
    "no_pending_orders": "no order is pending; if that is wrong, check the filter in the client's pending_orders",
    "no_pending_orders_in_file": (
        "no order is pending; an order of the file is pending if its status is pending_approval or pending"
    ),
    "order_read": "order {order} (id {id}) needs files for: {files:list}; items that need none: {others}",
    "listed_order_needs_no_artwork": "order {order} (id {id}) has no item that needs artwork",
    "listed_order_not_read": "order {order} cannot be read: {error}; correct it in the shop",
    "order_reads_differently": (
        "order {order} has other values in get_order than in pending_orders, so it would never be sent; return the "
        "same values from both"
    ),
}
"""Steps of the check of a client. Also ``step_failed``."""

LOCATION_CHECK = {
    "location_recognized": "{provider}: {parts:parts}",
    "url_rewritten": "{note}",
    "folder_looks_like_file": (
        "{folder} is named like a file; if it is a file, use the URL of the folder that contains it"
    ),
    "step_failed": "{error}",
    "permission_to_grant": "grant at {provider}: {permission}",
    "credentials_none": "none; only public files can be listed and read",
    "credentials_not_needed": "none; a folder of this machine needs none",
    "credentials_keys": "an access key and a secret key",
    "credentials_service_account": "a Google service account",
    "credentials_account_key": (
        "an Azure account key, which gives access to the whole account; a SAS with sp=rl is enough"
    ),
    "credentials_of_machine": "the credentials of this machine; never use them for a merchant's URL",
    "credentials_role": "the role {role}, in sessions of {duration:duration}",
    "role_without_external_id": (
        "no external ID is set; agree on one with the merchant, otherwise a merchant could use another merchant's role"
    ),
    "credentials_sas": "a SAS",
    "sas_by_policy": "a stored access policy defines its permissions",
    "sas_expires": "it expires{at:on}",
    "sas_expires_early": "URLs for the shop must work for {lifetime:duration}; make a SAS that is valid longer",
    "sas_lacks_permission": "the SAS does not permit reading and listing; make one with sp=rl",
    "sas_for_one_file": "the SAS is for one file; make one for the container",
    "sas_expired": "the SAS expired{at:on}; make a new one",
    "sas_not_yet_valid": "the SAS becomes valid{at:on}; wait, or check this machine's clock",
    "public_network_only": "only public addresses, over https",
    "private_network_allowed": "private addresses are allowed",
    "plain_http_allowed": "plain http is allowed",
    "own_storages_only": "allow this only for your own storages, never for a merchant's URL",
    "missing_files_probed": "{capability}",
    "listing_works": "the folder can be listed; files on the first page of the listing: {files:,}; first file: {file}",
    "files_unusable": (
        "files on the first page of the listing that cannot be used: {count:,}; for example {file}: {reasons:reasons}"
    ),
    "listing_empty": "the folder can be listed and is empty; upload a file to check whether it can be read",
    "bucket_has_other_files": (
        "a folder of a bucket exists only while it holds files, so the folder in the URL may be wrong; "
        "the bucket has files outside it, for example {file}"
    ),
    "bucket_is_empty": "the bucket has no files at all; check the name of the bucket",
    "listing_starts_after": "a listing contains only files of this folder, and can start after a given name",
    "listing_unsorted": (
        "the storage does not list names in order; scans still work, but each one lists the whole folder, "
        "or each expected name separately"
    ),
    "listing_order_unproven": (
        "the folder has too few files to show whether the storage lists names in order; each scan finds out"
    ),
    "listing_restarts": (
        "a listing cannot start after a given name; scans still work, but each one lists the whole folder"
    ),
    "listing_leaves_folder": "the storage lists files of other folders, too; use a separate bucket for this folder",
    "missing_reported": "a missing file is reported as missing",
    "missing_looks_forbidden": "a missing file and a forbidden file look the same; permit listing",
    "missing_looks_present": (
        "the storage reports a random name as existing, so missing files cannot be detected; check the host and the "
        "bucket in the URL"
    ),
    "file_readable": "{file} can be read ({read:,} of {size:bytes})",
    "versions_kept": "the storage keeps versions",
    "versions_not_kept": "the storage does not report versions",
    "url_of_this_machine": (
        "the shop receives a path of this machine, which works only here; if the shop runs elsewhere, use a bucket"
    ),
    "url_unsigned": "the shop receives an unsigned URL, which works only while the file is public",
    "url_signed": "the shop receives a signed URL, which expires{at:on}",
    "url_expires_early": (
        f"it is valid for {{lifetime:duration}}, not for {{wanted:duration}}; use longer sessions ({SESSION_DURATION})"
    ),
    "url_ends_with_keys": "it may expire earlier, together with the temporary keys that sign it; use permanent keys",
    "url_works": "the URL opens the file without credentials",
    "url_opens_other_file": "the URL opens something other than the file; check the host and the bucket in the URL",
    "url_refused": (
        "the signed URL does not open the file (HTTP {http_status}); check the keys, the region and the clock"
    ),
    "file_not_public": (
        "the file cannot be opened without credentials (HTTP {http_status}); make it public, or use credentials that "
        "can sign URLs"
    ),
    "clock_unknown": (
        "the storage does not send its time, so the clocks were not compared; make sure that this machine's clock is "
        "right"
    ),
    "clock_correct": "this machine's clock and the storage's clock differ by {seconds} s",
    "clock_ahead": (
        "this machine's clock is {minutes} minutes ahead, so storages refuse its signatures; set the clock with NTP"
    ),
    "clock_behind": (
        "this machine's clock is {minutes} minutes behind, so storages refuse its signatures; set the clock with NTP"
    ),
    "write_not_supported": "nothing was written: storages of this kind are opened for reading only",
    "write_refused": "nothing could be written, and a scan does not need to write: {error}",
    "test_file_left": "{file} was written and could not be deleted; delete it ({error})",
    "replacement_unnoticed": (
        "a file was overwritten, but its content or its version did not change, so replaced files would not be "
        "noticed; do not use this storage"
    ),
    "write_works": "a file was written, read, overwritten with a new version and deleted",
    "old_versions_hidden": "its old versions stay in the bucket until a lifecycle rule of the bucket deletes them",
    "write_not_needed": "a scan writes nothing, so use credentials that can read and list only",
}
"""What the check of a location found."""

FAULTS = {
    "storage_failed": "{error}",
    "location_not_found": "{error}",
    "client_failed": "{error}",
    "ledger_failed": "{error}",
    "list_broke_off": "the list of pending orders ended early: {error}",
    "orders_not_read": "the shop could not find the orders by their numbers, so nothing was sent: {error}",
    "shop_not_answering": "the shop did not answer for {orders} orders in a row: {error}",
    "storage_not_answering": "the storage did not answer for {orders} orders in a row: {error}",
}
"""Why a service could not be used."""

FLEET = {
    "merchant_not_opened": "the merchant's settings could not be used: {error}",
    "merchant_not_scanned": "the scan could not run: {error}",
    "merchant_pass_lost": (
        "the worker that scanned the merchant ended without a result; it was stopped, or the merchant's files needed "
        "too much memory"
    ),
    "merchant_tenant_differs": (
        "the scanner has the tenant {tenant}; create it with the id of the merchant as tenant, {merchant}"
    ),
}
"""Why a merchant of a fleet could not be scanned."""

FILE_TYPES = {
    "jpeg": "a JPEG picture",
    "png": "a PNG picture",
    "pdf": "a PDF",
    "damaged_png": "a damaged PNG picture, perhaps transferred in text mode",
    "prefixed_pdf": "a PDF with other data before its beginning",
    "gif": "a GIF picture",
    "webp": "a WebP picture",
    "tiff": "a TIFF picture",
    "psd": "a Photoshop file (PSD)",
    "heic": "a HEIC picture",
    "avif": "an AVIF picture",
    "video": "a video",
    "jpeg_2000": "a JPEG 2000 picture",
    "jpeg_xl": "a JPEG XL picture",
    "bmp": "a BMP picture",
    "ai": "an Adobe Illustrator file (AI)",
    "eps": "an EPS file",
    "postscript": "a PostScript file",
    "indesign": "an InDesign file",
    "zip": "a ZIP archive or an office document",
    "archive": "an archive",
    "web_page": "a web page, perhaps an error page",
    "svg": "an SVG drawing",
    "storage_error": "the error message of a storage",
    "xml": "an XML file",
    "not_jpeg": "not a JPEG picture",
    "not_png": "not a PNG picture",
    "not_pdf": "not a PDF",
}
"""What a file is, by its first bytes."""

FLAWS = {
    "header_damaged": "its header is damaged",
    "data_damaged": "its picture data is damaged",
    "data_incomplete": "its picture data is damaged, or a part of it is missing",
    "invalid_structure": "it is not a valid PNG",
    "part_missing": "a part of the file is missing",
    "palette_missing": "its palette is missing",
    "rows_missing": "a part of the picture is missing",
    "not_openable": "it cannot be opened",
    "pages_damaged": "its pages are damaged",
    "content_damaged": "a part of its content is damaged",
    "memory_limit": "it takes too much memory to open",
    "time_limit": "it takes too long to open",
    "crash": "the program that opens it crashed",
}
"""What is damaged in a file, or why it cannot be checked."""

WORDS = {
    **FILE_TYPES,
    **FLAWS,
    "storage": "storage",
    "client": "shop",
    "ledger": "ledger",
    "manifest": "manifest",
    "picture_file": "picture",
    "pdf_file": "PDF",
    "gray": "grayscale",
    "rgb": "RGB",
    "cmyk": "CMYK",
    "and": " and ",
    "or": " or ",
    "byte": "1 byte",
    "bytes": "{:,} bytes",
    "order": "1 order",
    "orders": "{:,} orders",
    "page": "1 page",
    "pages": "{:,} pages",
    "item": "item",
    "of_order": "of order",
    "more_prints": " (and {:,} more)",
    "on": "on",
    "receipt": "receipt",
    "less_than_a_minute": "less than a minute",
    "days": "{} days",
    "day": "1 day",
    "hours": "{} hours",
    "hour": "1 hour",
    "minutes": "{} minutes",
    "minute": "1 minute",
    "seconds": "{} seconds",
    "second": "1 second",
    "fulfiller_unknown": "the shop does not say by whom",
    "fulfiller_ours": "with this library's idempotency key",
    "fulfiller_other": "with another idempotency key",
    "endpoint": "endpoint",
    "region": "region",
    "bucket": "bucket",
    "folder": "folder",
}
"""Words that templates use."""


@frozen
class Catalog:
    """The texts of one language.

    Args:
        templates: Code → template. Every code of ``ENGLISH`` has one.
        words: The words that templates use. Every word of ``ENGLISH`` has one.
    """

    templates: Mapping[str, str]
    words: Mapping[str, str]


ENGLISH = Catalog(
    {
        **PLANNING,
        **SENDING,
        **UNMATCHED,
        **NEAR_MISS_RULES,
        **CHECKS,
        **EXPLAIN,
        **STORAGE,
        **CLIENT_CHECK,
        **LOCATION_CHECK,
        **FAULTS,
        **FLEET,
    },
    WORDS,
)
"""The catalog of this library."""


def fields_of(template: str) -> frozenset[str]:
    """The fields that a template uses."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


_FIELDS = {code: fields_of(template) for code, template in ENGLISH.templates.items()}


@frozen
class Reason:
    """One reason, as data. It pickles, copies and compares.

    Args:
        code: A code of the catalog.
        details: The values of its fields: text, numbers, booleans, None, and lists and dictionaries of these.
    """

    code: str
    details: Mapping[str, Any] = field(factory=dict, hash=False)

    def render(self, catalog: Catalog = ENGLISH) -> str:
        """The reason in the language of a catalog.

        Raises:
            KeyError: The catalog has no template for the code.
        """
        return _Renderer(catalog).vformat(catalog.templates[self.code], (), self.details)

    def with_text(self, convert: Any) -> Reason:
        """The reason with ``convert`` applied to every text in its details."""
        return Reason(self.code, {name: _converted(value, convert) for name, value in self.details.items()})

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {"code": self.code, "details": dict(self.details)}

    def to_json(self) -> str:
        """The reason as one line of JSON, for a ledger's row."""
        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Reason | None:
        """Read what ``to_json`` wrote; None for an empty text.

        Raises:
            ValueError, KeyError, TypeError: The text is not a reason.
        """
        return cls(**json.loads(text)) if text else None


def reason(code: str, /, **details: Any) -> Reason:
    """Create a reason. Signatures of URLs in its texts are redacted.

    Args:
        code: One of the catalog's codes.
        details: Exactly the fields of that code.

    Raises:
        ValueError: The code does not exist, or the fields are not those of the code.
    """
    expected = _FIELDS.get(code)
    if expected is None:
        raise ValueError(f"no reason has the code {code!r}")
    if details.keys() != expected:
        raise ValueError(f"the reason {code!r} has the fields {sorted(expected)}, not {sorted(details)}")
    return Reason(code, details).with_text(redact_signatures)


class Explained:
    """A value with a reason (``because``) and possibly further ones (``notes``)."""

    __slots__ = ()

    because: Reason
    notes: tuple[Reason, ...]

    @property
    def code(self) -> str:
        """The code of the reason, from the catalog."""
        return self.because.code

    @property
    def details(self) -> Mapping[str, Any]:
        """The fields of the reason's code."""
        return self.because.details

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reason and its notes."""
        return self.because, *self.notes

    @property
    def reason(self) -> str:
        """The reason and its notes in English."""
        return join_reasons(self.reasons)

    def render(self, catalog: Catalog = ENGLISH) -> str:
        """The reason and its notes in the language of a catalog."""
        return join_reasons(self.reasons, catalog)


def join_reasons(reasons: Iterable[Reason], catalog: Catalog = ENGLISH) -> str:
    """Several reasons as one sentence."""
    return "; ".join(each.render(catalog) for each in reasons)


def to_dicts(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    """Reasons as the value of a field of another reason."""
    return [each.to_dict() for each in reasons]


def render_finding(reasons: Sequence[Reason], english: str, catalog: Catalog) -> str:
    """A finding in the language of a catalog, or in English if the catalog cannot render its code.

    Args:
        reasons: The code with its details, then the notes.
        english: The finding in English; for a check of your own, its message.
        catalog: The language.
    """
    template = catalog.templates.get(reasons[0].code)
    if catalog == ENGLISH or template is None or not fields_of(template) <= reasons[0].details.keys():
        return english
    return join_reasons(reasons, catalog)


def format_duration(seconds: float, words: Mapping[str, str] = WORDS) -> str:
    """A duration as text: its two largest units. Seconds are shown only below two minutes."""
    whole = int(seconds)
    if 0 < whole < 2 * 60 and whole % 60:
        return _counted(whole, "second", words)
    minutes = whole // 60
    units = [(minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute")]
    shown = [_counted(count, unit, words) for count, unit in units if count][:2]
    return " ".join(shown) or words["less_than_a_minute"]


def _counted(count: int, unit: str, words: Mapping[str, str]) -> str:
    return words[unit] if count == 1 else words[f"{unit}s"].format(count)


def _converted(value: Any, convert: Any) -> Any:
    if isinstance(value, str):
        return convert(value)
    if isinstance(value, Mapping):
        return {key: _converted(each, convert) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [_converted(each, convert) for each in value]
    return value


class _Renderer(string.Formatter):
    """Renders templates of a catalog, with the format specs listed above."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog, self.templates, self.words = catalog, catalog.templates, catalog.words

    def format_field(self, value: Any, format_spec: str) -> str:
        if write := _FORMATS.get(format_spec):
            return write(value, self)
        return str(super().format_field(value, format_spec))

    def join(self, texts: Iterable[str]) -> str:
        """Join texts by "and"."""
        return self.words["and"].join(texts)

    def print(self, value: Mapping[str, Any]) -> str:
        """One print: an item of an order, with its placement where it has several, and how many more there are."""
        placement = f" ({value['placement']})" if value["placement"] else ""
        more = self.words["more_prints"].format(value["more"]) if value.get("more") else ""
        item = value.get("label") or value["item_number"]
        return f"{self.words['item']} {item} {self.words['of_order']} {value['order_number']}{placement}{more}"

    def finding(self, value: Mapping[str, Any]) -> str:
        """A finding of a check."""
        reasons = (Reason(value["code"], value["details"]), *(Reason(**note) for note in value["notes"]))
        return render_finding(reasons, str(value["message"]), self.catalog)

    def item(self, value: Mapping[str, str]) -> str:
        """An item in the words of its shop."""
        return f"{self.words['item']} {value['label']}"

    def items(self, value: Iterable[Mapping[str, str]]) -> str:
        """Items in the words of their shop, with their status."""
        return ", ".join(f"{self.item(each)} ({each['status']})" for each in value)

    def on(self, value: str | None) -> str:
        """A time in ISO 8601, where it is known."""
        return f" {self.words['on']} {datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC" if value else ""

    def receipt(self, value: str | None) -> str:
        """A receipt, where there is one."""
        return f" ({self.words['receipt']} {value})" if value else ""


_FORMATS: Mapping[str, Callable[[Any, _Renderer], str]] = {
    "list": lambda value, _renderer: ", ".join(map(str, value)),
    "and": lambda value, renderer: renderer.join(value),
    "files": lambda value, renderer: renderer.join(f"{name}.<jpg|png|pdf>" for name in value),
    "codes": lambda value, renderer: "; ".join(renderer.templates[code] for code in value),
    "word": lambda value, renderer: renderer.words[value],
    "parts": lambda value, renderer: ", ".join(f"{renderer.words[name]} {part}" for name, part in value.items()),
    "words": lambda value, renderer: renderer.words["or"].join(renderer.words[each] for each in value),
    "bytes": lambda value, renderer: _counted(value, "byte", renderer.words),
    "orders": lambda value, renderer: _counted(value, "order", renderer.words),
    "pages": lambda value, renderer: _counted(value, "page", renderer.words),
    "reasons": lambda value, renderer: join_reasons((Reason(**each) for each in value), renderer.catalog),
    "finding": lambda value, renderer: renderer.finding(value),
    "findings": lambda value, renderer: "; ".join(map(renderer.finding, value)),
    "rejections": lambda value, renderer: "; ".join(
        f"{each['file']}: {renderer.finding(each['finding'])}" for each in value
    ),
    "duration": lambda value, renderer: format_duration(value, renderer.words),
    "prints": lambda value, renderer: ", ".join(map(renderer.print, value)),
    "items": lambda value, renderer: renderer.items(value),
    "item": lambda value, renderer: renderer.item(value),
    "print": lambda value, renderer: renderer.print(value),
    "on": lambda value, renderer: renderer.on(value),
    "receipt": lambda value, renderer: renderer.receipt(value),
}
"""Format spec → how a field's value is written."""
