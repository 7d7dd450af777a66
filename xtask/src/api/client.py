"""Calls the service with the client that openapi-python-client has generated from its document.

Arguments: the folder of the generated package, the URL of the service. The variable TOKEN is an access token.
"""

import os
import sys

sys.path.insert(0, sys.argv[1])

from connectivity_client import AuthenticatedClient, Client
from connectivity_client.api.affiliation import check_affiliation, list_checks
from connectivity_client.api.documents import authenticate_document, show_document
from connectivity_client.api.o_auth import grant_token
from connectivity_client.api.operations import live, ready
from connectivity_client.models import (
    Check, CheckAnswer, CheckRequest, Document, DocumentRequest, GrantedToken, Problem, TokenForm,
)
from connectivity_client.models.token_form_grant_type import TokenFormGrantType

url, token = sys.argv[2], os.environ["TOKEN"]
anonymous, caller = Client(base_url=url), AuthenticatedClient(base_url=url, token=token)


def expect(found, kind, **values):
    assert isinstance(found, kind), found
    for name, value in values.items():
        assert getattr(found, name) == value, (name, found)


assert live.sync(client=anonymous) and ready.sync(client=anonymous)
eligible = CheckRequest(citizen_id="1128456232")
expect(check_affiliation.sync(client=caller, body=eligible), CheckAnswer, citizen_id="1128456232", is_eligible=True)
history = list_checks.sync(client=caller, citizen_id="1128456232")
assert history.count >= 1 and history.results[0].status == "ELIGIBLE", history
request = DocumentRequest(id_citizen=1128456232, url_document="https://bucket.example/a.pdf", document_title="Diploma")
document = authenticate_document.sync(client=caller, body=request)
expect(document, Document, status="SUCCESS", auth_success=True)
expect(show_document.sync(document.id, client=caller), Document, id=document.id)
form = TokenForm(
    grant_type=TokenFormGrantType.CLIENT_CREDENTIALS, client_id=os.environ["NAME"], client_secret=os.environ["SECRET"]
)
granted = grant_token.sync(client=anonymous, body=form)
expect(granted, GrantedToken, token_type="Bearer")

# All errors are of one class.
problem = "urn:connectivity:problem:"
wrong = CheckRequest(citizen_id="not an id")
for found, status, kind in [
    (check_affiliation.sync(client=caller, body=wrong), 400, "invalid-citizen-id"),
    (check_affiliation.sync(client=anonymous, body=eligible), 401, "unauthenticated"),
    (show_document.sync("nothing", client=caller), 404, "not-found"),
]:
    expect(found, Problem, status=status, type_=problem + kind)
print("the generated client works")
