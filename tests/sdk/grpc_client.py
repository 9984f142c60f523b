"""A gRPC client generated from the schema: one JSON call a line in, one JSON answer a line out, and events in between."""
import json
import queue
import sys
import threading

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from nacl.signing import SigningKey

import schema

common, messaging, stubs = schema.modules("common_pb2", "messaging_pb2", "messaging_pb2_grpc")
micropayment, micropayment_stubs = schema.modules("micropayment_pb2", "micropayment_pb2_grpc")

address = sys.argv[1].removeprefix("http://")
channel = grpc.insecure_channel(address)
messages = stubs.MessagingStub(channel)
payments = micropayment_stubs.MicroPaymentStub(channel)
lock = threading.Lock()
WAIT = 20


def say(line):
    with lock:
        print(json.dumps(line), flush=True)


def kinds(response):
    return [message.WhichOneof("kind") for message in response.messages]


def signed(key, request):
    request.signature.value = key.sign(request.SerializeToString(deterministic=True)).signature
    return request


def rendezvous(options):
    key = SigningKey(bytes.fromhex(options["seed"]))
    return key, messaging.RendezvousKey(value=bytes(key.verify_key))


def send(options):
    key, to = rendezvous(options)
    message = messaging.Message()
    if options["kind"] == "request":
        bill = message.request_to_receive_bill
        bill.requestor_account.value = bytes.fromhex(options["destination"])
        bill.exact.currency, bill.exact.exchange_rate = "kin", 1.0
        bill.exact.native_amount, bill.exact.quarks = options["kin"], options["kin"] * 100000
    elif options["kind"] == "scanned":
        message.code_scanned.timestamp.GetCurrentTime()
    else:
        message.client_rejected_payment.intent_id.value = to.value
    signature = common.Signature(value=key.sign(message.SerializeToString(deterministic=True)).signature)
    request = messaging.SendMessageRequest(message=message, rendezvous_key=to, signature=signature)
    return messages.SendMessage(request, timeout=WAIT).message_id.value.hex()


def status(options):
    _, key = rendezvous(options)
    request = micropayment.GetStatusRequest(intent_id=common.IntentId(value=key.value))
    answer = payments.GetStatus(request, timeout=WAIT)
    return [answer.exists, answer.code_scanned, answer.intent_submitted]


def poll(options):
    key, to = rendezvous(options)
    request = signed(key, messaging.PollMessagesRequest(rendezvous_key=to))
    answer = messages.PollMessages(request, timeout=WAIT)
    return [[kind, message.id.value.hex()] for kind, message in zip(kinds(answer), answer.messages)]


def acknowledge(options):
    _, to = rendezvous(options)
    ids = [messaging.MessageId(value=bytes.fromhex(id)) for id in options["ids"]]
    messages.AckMessages(messaging.AckMessagesRequest(rendezvous_key=to, message_ids=ids), timeout=WAIT)


def relay(name, stream, heard):
    def run():
        try:
            for response in stream:
                heard(response)
            say({"event": name, "end": "OK"})
        except grpc.RpcError as error:
            say({"event": name, "end": error.code().name})

    threading.Thread(target=run, daemon=True).start()


def open_stream(options):
    key, to = rendezvous(options)
    request = signed(key, messaging.OpenMessageStreamRequest(rendezvous_key=to))
    stream = messages.OpenMessageStream(request)
    stream.initial_metadata()
    relay(options["name"], stream, lambda response: say({"event": options["name"], "kinds": kinds(response)}))


def keep_alive(options):
    key, to = rendezvous(options)
    outgoing = queue.SimpleQueue()
    first = messaging.OpenMessageStreamWithKeepAliveRequest()
    first.request.CopyFrom(signed(key, messaging.OpenMessageStreamRequest(rendezvous_key=to)))
    outgoing.put(first)
    stream = messages.OpenMessageStreamWithKeepAlive(iter(outgoing.get, None))

    def heard(response):
        if response.WhichOneof("response_or_ping") == "ping":
            say({"event": options["name"], "ping": response.ping.ping_delay.seconds})
            pong = messaging.OpenMessageStreamWithKeepAliveRequest()
            pong.pong.timestamp.GetCurrentTime()
            outgoing.put(pong)
        else:
            say({"event": options["name"], "kinds": kinds(response.response)})

    relay(options["name"], stream, heard)


def reflect(_):
    database = ProtoReflectionDescriptorDatabase(channel)
    file = database.FindFileContainingSymbol("code.messaging.v1.Messaging")
    methods = [method.name for service in file.service for method in service.method]
    return {"services": sorted(database.get_services()), "messaging": methods}


def health(options):
    request = health_pb2.HealthCheckRequest(service=options["service"])
    answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=WAIT)
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def unknown(options):
    """A method that this node does not have."""
    channel.unary_unary(options["method"])(b"", timeout=WAIT)


CALLS = {
    "send": send,
    "status": status,
    "poll": poll,
    "acknowledge": acknowledge,
    "open": open_stream,
    "keepAlive": keep_alive,
    "reflect": reflect,
    "health": health,
    "unknown": unknown,
}

for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"ok": CALLS[request["call"]](request["options"])}
    except grpc.RpcError as error:
        answer = {"error": f"{error.code().name}: {error.details()}"}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    say(answer)
