"""The Python SDK, code_wallet 1.0.7: one JSON call a line in, one JSON answer a line out."""
import json
import sys

from code_wallet.client import intents

intents.client.endpoint = sys.argv[1] + "/v1"

CALLS = {
    "create": intents.payment_intents.create,
    "getStatus": lambda options: intents.payment_intents.get_status(options["intent"]),
}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": CALLS[request["call"]](request["options"])}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
