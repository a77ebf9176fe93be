import socket

import pytest

import remote_artwork as ra
from remote_artwork.errors import InvalidLocation
from remote_artwork.http import is_public

PUBLIC = ["8.8.8.8", "52.216.0.1", "2600:1f18::1", "2a00:1450:4001::1", "::ffff:8.8.8.8"]
NOT_PUBLIC = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.168.1.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:168.63.129.16",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2001::1",
    "2001:db8::1",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1%eth0",
    "fec0::1",
    "ff0e::1",
    "2852039166",
    "localhost",
    "",
]


def info(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 443)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address):
    assert is_public(address)
    ra.NetworkPolicy().socket_factory(info(address)).close()


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_any_other_address_gets_no_socket(address):
    assert not is_public(address)
    with pytest.raises(InvalidLocation, match=r"NetworkPolicy\(allow_private=True\)$"):
        ra.NetworkPolicy().socket_factory(info(address))


def test_an_operator_may_allow_private_addresses():
    ra.NetworkPolicy(allow_private=True).socket_factory(info("127.0.0.1")).close()


def test_an_endpoint_is_encrypted_unless_an_operator_allows_otherwise():
    ra.NetworkPolicy().check_endpoint(None)
    ra.NetworkPolicy().check_endpoint("https://s3.example.com")
    ra.NetworkPolicy(allow_http=True).check_endpoint("http://s3.example.com")
    with pytest.raises(InvalidLocation, match=r"NetworkPolicy\(allow_http=True\)$"):
        ra.NetworkPolicy().check_endpoint("HTTP://s3.example.com")
    with pytest.raises(InvalidLocation, match="not a web address"):
        ra.NetworkPolicy(allow_http=True).check_endpoint("ftp://s3.example.com")


@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout", "call_timeout"])
@pytest.mark.parametrize("bad", [0, -1, None, True, "3", float("nan")])
def test_a_timeout_must_be_positive(name, bad):
    with pytest.raises(ra.ConfigurationError, match=name):
        ra.NetworkPolicy(**{name: bad})
