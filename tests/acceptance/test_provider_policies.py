"""The least permissions in docs/how-to/providers/ are enough, and not too many, on a server with policies (moto).

moto heeds the actions and the resources of a policy, and not its conditions on the prefix. Of an external id it heeds
that it is the right one, and not, as Amazon does, that there is one.
"""

import json
import re
import urllib.request
from datetime import timedelta

import botocore.session
import pytest

import remote_artwork as ra
from parts import program
from provider_pages import blocks
from remote_artwork.testing import FakeShop
from servers import S3Server, free_port, running
from shop_files import PDF

_, PLACE, POLICY = blocks("policy")[0]
BUCKET, FOLDER = PLACE.split()
LIFETIME = timedelta(minutes=30)
OWN_ACCOUNT = "123456789012"  # moto's


class GuardedS3(S3Server):
    """A server with the bucket of the pages, two files in it, and users who may do what a policy says."""

    def __init__(self, endpoint):
        super().__init__(endpoint, ra.Keys("AKADMIN", "a-secret-of-tests"))
        self.iam = botocore.session.Session().create_client(
            "iam",
            region_name="us-east-1",
            endpoint_url=endpoint,
            aws_access_key_id=self.keys.access_key,
            aws_secret_access_key=self.keys.secret_key,
        )
        self.create_bucket(BUCKET, versioned=True)
        self.put(BUCKET, f"{FOLDER}/1001_1.pdf", PDF)
        self.put(BUCKET, "other/1001_1.pdf", PDF)

    def user(self, name, policy):
        """A new user; returns the keys."""
        self.iam.create_user(UserName=name)
        self.iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return ra.Keys(key["AccessKeyId"], key["SecretAccessKey"])

    def role(self, arn, policy, trust):
        """A new role."""
        name = arn.rpartition("/")[2]
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        self.iam.put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=json.dumps(policy))

    def obey(self):
        """From now on policies count, for the one who makes users too."""
        switch = f"{self.endpoint}/moto-api/reset-auth"
        asked = urllib.request.Request(switch, data=b"0", headers={"Content-Type": "text/plain"})
        urllib.request.urlopen(asked, timeout=10).close()


@pytest.fixture
def guarded_s3(tmp_path):
    port = free_port()
    command = [program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port=port, log=tmp_path / "moto.log"):
        yield GuardedS3(f"http://127.0.0.1:{port}")


@pytest.fixture
def scan(guarded_s3, local_network):
    """One scan of the folder for order 1001; its URLs live for half an hour."""

    def scan_with(credentials):
        url = guarded_s3.url(BUCKET, FOLDER)
        storage = ra.open_storage(url, credentials=credentials, network=local_network)
        shop = FakeShop([ra.Order("1001", [ra.OrderItem("1")])])
        [item] = ra.Scanner(storage, shop, ledger=ra.MemoryLedger(), url_lifetime=LIFETIME).scan().items
        return item.status, shop.artwork.get(("1001", "1"))

    return scan_with


def test_the_pages_agree_on_one_policy():
    assert len({json.dumps(json.loads(content)) for _, _, content in blocks("policy")}) == 1


@pytest.mark.server
def test_the_policy_of_the_pages_is_enough_for_a_scan_and_allows_no_more(guarded_s3, scan):
    keys = guarded_s3.user("reader", json.loads(POLICY))
    guarded_s3.obey()

    status, (artwork,) = scan(keys)

    assert status == "fulfilled"
    assert f"versionId={artwork.version}" in artwork.url
    reader = S3Server(guarded_s3.endpoint, keys)
    for refused in (
        lambda: reader.put(BUCKET, f"{FOLDER}/1002_1.pdf", PDF),
        lambda: reader.delete(BUCKET, f"{FOLDER}/1001_1.pdf"),
        lambda: reader.call("get_object", Bucket=BUCKET, Key="other/1001_1.pdf"),
    ):
        with pytest.raises(PermissionError):
            refused()


@pytest.mark.server
@pytest.mark.parametrize("without", ["s3:ListBucket", "s3:GetObject"])
def test_less_than_the_policy_of_the_pages_is_not_enough(guarded_s3, scan, without):
    policy = json.loads(POLICY)
    policy["Statement"] = [each for each in policy["Statement"] if without not in each["Action"]]
    keys = guarded_s3.user("reader", policy)
    guarded_s3.obey()
    assert scan(keys) == ("unreadable", None)


@pytest.fixture
def role_of_the_page(guarded_s3):
    """The role with all that the page says, in the one account that moto keeps."""

    def in_one_account(text):
        return re.sub(r"(?<=arn:aws:iam::)[0-9]{12}", OWN_ACCOUNT, text)

    [(_, user, trust)] = blocks("trust")
    [(_, same_user, allowed)] = blocks("shop")
    [fields] = [
        json.loads(in_one_account(content)) for _, kind, content in blocks("credentials") if kind == "AssumeRole"
    ]
    assert user == same_user
    keys = guarded_s3.user(user, json.loads(in_one_account(allowed)))
    guarded_s3.role(fields["role_arn"], json.loads(POLICY), json.loads(in_one_account(trust)))
    guarded_s3.obey()

    def role(**changes):
        parts = {"external_id": fields["external_id"], "base": keys, "sts_endpoint": guarded_s3.endpoint} | changes
        return ra.AssumeRole(fields["role_arn"], **parts)

    return role


@pytest.mark.server
def test_the_role_of_the_page_is_enough_for_a_scan(role_of_the_page, scan):
    status, (artwork,) = scan(role_of_the_page())
    assert status == "fulfilled"
    assert "X-Amz-Security-Token" in artwork.url


@pytest.mark.server
def test_the_role_of_the_page_refuses_another_external_id(role_of_the_page, scan):
    assert scan(role_of_the_page(external_id="merchant-8")) == ("unreadable", None)


@pytest.mark.server
def test_the_role_of_the_page_refuses_another_user(role_of_the_page, scan):
    stranger = ra.Keys("AKSTRANGER", "a-secret-of-tests")
    assert scan(role_of_the_page(base=stranger)) == ("unreadable", None)
