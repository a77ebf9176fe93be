import inspect

import fsspec.config
import pytest

import remote_artwork as ra

MINE = ra.NetworkPolicy(allow_local=True)
OPENED = {
    "abfs": ("az://prints@account/in/", ra.AccountKey("aHVzaA==")),
    "file": ("file:///srv/prints/", ra.Anonymous()),
    "gs": ("gs://prints/in/", ra.Anonymous()),
    "http": ("https://files.example/prints/", ra.Anonymous()),
    "memory": ("memory://prints/", ra.Anonymous()),
    "s3": ("s3://prints/in/?region=eu-west-1", ra.Keys("AKTESTKEY", "a-secret-of-tests")),
}


@pytest.mark.parametrize("protocol", OPENED)
def test_fsspecs_configuration_does_not_affect_a_file_system(protocol, monkeypatch):
    url, credentials = OPENED[protocol]
    before = ra.open_storage(url, credentials=credentials, network=MINE)._backend._fs
    kind = type(before)
    of_this_machine = object()
    named = {
        name
        for ancestor in kind.__mro__
        for name, parameter in inspect.signature(ancestor.__init__).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    } - {"self", "args"}
    settings = dict.fromkeys({*named, "listings_expiry_time", "max_paths", "anything"}, of_this_machine)
    for name in {protocol, *([kind.protocol] if isinstance(kind.protocol, str) else kind.protocol)}:
        monkeypatch.setitem(fsspec.config.conf, name, settings)

    given = []
    construct = kind.__init__

    def recorded(self, *arguments, **options):
        given.extend([*arguments, *options.values()])
        construct(self, *arguments, **options)

    monkeypatch.setattr(kind, "__init__", recorded)
    fresh = ra.NetworkPolicy(
        allow_local=True, read_timeout=7.5
    )  # a policy of its own, so that no file system is shared
    ra.open_storage(url, credentials=credentials, network=fresh)
    assert given
    assert of_this_machine not in given


def test_two_file_systems_are_never_equal():
    one, other = (
        ra.open_storage("s3://prints/in/?region=eu-west-1", network=ra.NetworkPolicy(read_timeout=seconds))._backend._fs
        for seconds in (6.5, 7.5)
    )
    assert one == one  # noqa: PLR0124
    assert one != other
    assert len({one, other}) == 2
