"""A payer's app, written from the protocol alone: one JSON call a line in, one JSON answer a line out.

It shares nothing with the node but the schema: addresses, accounts' order and transactions are built here once more.
"""
import hashlib
import json
import queue
import sys
from decimal import ROUND_HALF_UP, Decimal

import grpc
from nacl.signing import SigningKey

import schema

common, currency, transaction = schema.modules("common_pb2", "currency_pb2", "transaction_pb2")
rates_stubs, stubs = schema.modules("currency_pb2_grpc", "transaction_pb2_grpc")

channel = grpc.insecure_channel(sys.argv[1].removeprefix("http://"))
transactions = stubs.TransactionStub(channel)
rates = rates_stubs.CurrencyStub(channel)
WAIT = 20

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def key(text):
    number = 0
    for letter in text:
        number = number * 58 + ALPHABET.index(letter)
    return number.to_bytes(32, "big")


MINT = key("kinXdEcpDQeHPEuQnqmUgtYykqKGVFq6CeVX5iAHJq6")
TIMELOCK = key("time2Z2SCnn3qYg3ULKVtdkh8YmZ5jFdKicnA1W2YnJ")
MEMO = key("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo")
TOKEN = key("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
BLOCKHASHES = key("SysvarRecentB1ockHashes11111111111111111111")
SYSTEM = bytes(32)

# ed25519 (RFC 8032): -x^2 + y^2 = 1 + d x^2 y^2 modulo P.
P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P


def on_curve(point):
    y = (int.from_bytes(point, "little") & (2**255 - 1)) % P
    x_squared = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    return x_squared == 0 or pow(x_squared, (P - 1) // 2, P) == 1


def derived(program, *seeds):
    for bump in range(255, -1, -1):
        address = hashlib.sha256(b"".join(seeds) + bytes([bump]) + program + b"ProgramDerivedAddress").digest()
        if not on_curve(address):
            return address, bump
    raise ValueError("no address")


def account_of(authority, node):
    state, bump = derived(TIMELOCK, b"timelock_state", MINT, node, authority, bytes([21]))
    vault, _ = derived(TIMELOCK, b"timelock_vault", state, bytes([3]))
    return state, vault, bump


def short(length):
    out = b""
    while length >= 0x80:
        out += bytes([length & 0x7F | 0x80])
        length >>= 7
    return out + bytes([length])


def compiled(payer, blockhash, instructions):
    """Instructions are (program, [(key, signs, writes)], data)."""
    known = {payer: [False, True, True]}
    for program, accounts, _ in instructions:
        known.setdefault(program, [True, False, False])
        for name, signs, writes in accounts:
            entry = known.setdefault(name, [False, False, False])
            entry[1] |= signs
            entry[2] |= writes

    def place(name):
        program, signs, writes = known[name]
        return (name != payer, program, not signs, not writes, name)

    order = sorted(known, key=place)
    signers = [name for name in order if known[name][1]]
    header = [
        len(signers),
        sum(not known[name][2] for name in signers),
        sum(not known[name][1] and not known[name][2] for name in order),
    ]
    out = bytes(header) + short(len(order)) + b"".join(order) + blockhash + short(len(instructions))
    for program, accounts, data in instructions:
        out += bytes([order.index(program)]) + short(len(accounts))
        out += bytes(order.index(name) for name, _, _ in accounts) + short(len(data)) + data
    return out, len(signers)


def transfer(owner, node, nonce, blockhash, destination, quarks):
    state, vault, bump = account_of(owner, node)
    advance = (SYSTEM, [(nonce, False, True), (BLOCKHASHES, False, False), (node, True, False)], b"\x04\0\0\0")
    memo = (MEMO, [], b"ZTAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    accounts = [
        (state, False, False),
        (vault, False, True),
        (owner, True, False),
        (node, True, False),
        (destination, False, True),
        (node, True, True),
        (TOKEN, False, False),
        (SYSTEM, False, False),
    ]
    data = bytes.fromhex("4480dec0814547a5") + bytes([bump]) + quarks.to_bytes(8, "little")
    return compiled(node, blockhash, [advance, memo, (TIMELOCK, accounts, data)])


def worth(native, rate):
    """The nearest quark of an amount, at a double that stands for its shortest decimal."""
    kin = Decimal(native) / Decimal(repr(rate))
    return int((kin * 100000).to_integral_value(ROUND_HALF_UP))


def draft(options):
    owner = SigningKey(bytes.fromhex(options["payer"]))
    me, node = bytes(owner.verify_key), key(options["node"])
    _, vault, _ = account_of(me, node)
    table = rates.GetAllRates(currency.GetAllRatesRequest(), timeout=WAIT).rates
    total = worth(options["amount"], table[options["currency"]])
    actions = transaction.SubmitIntentRequest.SubmitActions()
    actions.id.value, actions.owner.value = key(options["intent"]), me
    payment = actions.metadata.send_public_payment
    payment.destination.value, payment.source.value = key(options["destination"]), vault
    payment.is_withdrawal = True
    data = payment.exchange_data
    data.currency, data.exchange_rate = options["currency"], table[options["currency"]]
    data.native_amount, data.quarks = float(options["amount"]), total
    moves = [(None, worth("0.01", table["usd"]))]
    moves += [(key(account), bps * total // 10000) for account, bps in options["fees"]]
    rest = total - sum(quarks for _, quarks in moves)
    for index, (to, quarks) in enumerate(moves):
        fee = actions.actions.add(id=index).fee_payment
        fee.authority.value, fee.source.value, fee.amount = me, vault, quarks
        if to is not None:
            fee.type, fee.destination.value = transaction.FeePaymentAction.THIRD_PARTY, to
    last = actions.actions.add(id=len(moves)).no_privacy_transfer
    last.authority.value, last.source.value, last.amount = me, vault, rest
    last.destination.value = key(options["destination"])
    actions.signature.value = owner.sign(actions.SerializeToString(deterministic=True)).signature
    return owner, node, actions, [*moves, (key(options["destination"]), rest)]


def pay(options):
    owner, node, actions, moves = draft(options)
    outgoing = queue.SimpleQueue()
    outgoing.put(transaction.SubmitIntentRequest(submit_actions=actions))
    stream = transactions.SubmitIntent(iter(outgoing.get, None), timeout=WAIT)
    try:
        response = next(stream)
        if response.WhichOneof("response") == "error":
            return told(response.error)
        messages = []
        for (to, quarks), parameter in zip(moves, response.server_parameters.server_parameters, strict=True):
            (nonce,) = parameter.nonces
            to = to or parameter.fee_payment.code_destination.value
            mine = bytes(owner.verify_key), node, nonce.nonce.value, nonce.blockhash.value
            messages.append(transfer(*mine, to, quarks))
        signatures = [owner.sign(message).signature for message, _ in messages]
        if options.get("spoil"):
            signatures[0] = signatures[-1]
        request = transaction.SubmitIntentRequest()
        request.submit_signatures.signatures.extend(common.Signature(value=signature) for signature in signatures)
        outgoing.put(request)
        response = next(stream)
        if response.WhichOneof("response") == "success":
            return "paid"
        answer = told(response.error)
        if options.get("spoil"):
            (detail,) = response.error.error_details
            message, count = messages[0]
            expected = short(count) + bytes(64 * count) + message
            assert detail.invalid_signature.expected_transaction.value == expected, "another transaction"
            assert detail.invalid_signature.provided_signature.value == signatures[0]
        return answer
    finally:
        outgoing.put(None)
        stream.cancel()


def told(error):
    reasons = [detail.reason_string.reason for detail in error.error_details]
    return [transaction.SubmitIntentResponse.Error.Code.Name(error.code), *reasons]


CALLS = {"pay": pay}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": CALLS[request["call"]](request["options"])}
    except grpc.RpcError as error:
        answer = {"error": f"{error.code().name}: {error.details()}"}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
