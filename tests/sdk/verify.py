"""What a merchant's server does with a webhook: the keys that the node publishes, and PyJWT 2."""
import json
import sys

import jwt


def verify(options):
    keys = jwt.PyJWKSet.from_dict(options["keys"]).keys
    payload = jwt.decode(options["token"], keys[0], algorithms=["EdDSA"])
    return {"payload": payload, "header": jwt.get_unverified_header(options["token"])}


for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": {"verify": verify}[request["call"]](request["options"])}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
