"""Real senders of Zipkin v2 JSON: `web` calls `cart` CALLS times with the OpenTelemetry SDK and its Zipkin exporter, and
`front` calls `back` as often with py_zipkin, whose servers join the spans of their callers (B3).

Usage: zipkin_senders.py URL CALLS. Every fifth answer of `cart` is an error. Prints nothing; exits 0 once every span was
exported.
"""

import gzip
import sys
import threading
import urllib.request

from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from py_zipkin import Encoding
from py_zipkin.request_helpers import create_http_headers, extract_zipkin_attrs_from_headers
from py_zipkin.transport import BaseTransportHandler
from py_zipkin.zipkin import zipkin_client_span, zipkin_server_span


def provider(service, url, address):
    resource = Resource.create({"service.name": service, "service.namespace": "shop"})
    provider = TracerProvider(resource=resource)
    exporter = ZipkinExporter(endpoint=url, local_node_ipv4=address, local_node_port=8080)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=16))
    return provider


def with_sdk(url, calls):
    web, cart = provider("web", url, "10.0.0.1"), provider("cart", url, "10.0.0.2")
    for number in range(calls):
        with web.get_tracer("test").start_as_current_span("GET /", kind=SpanKind.SERVER) as entry:
            attributes = {"server.address": "cart.shop", "server.port": 8080, "http.request.method": "GET"}
            context = set_span_in_context(entry)
            with web.get_tracer("test").start_as_current_span(
                "GET", context=context, kind=SpanKind.CLIENT, attributes=attributes
            ) as call:
                with cart.get_tracer("test").start_as_current_span(
                    "GET /cart", context=set_span_in_context(call), kind=SpanKind.SERVER
                ) as served:
                    with cart.get_tracer("test").start_as_current_span("render"):
                        pass
                    if number % 5 == 0:
                        served.set_status(Status(StatusCode.ERROR, "out of stock"))
    for each in (web, cart):
        assert each.force_flush(), "the exporter gave up"
        each.shutdown()


class Post(BaseTransportHandler):
    """Sends each batch compressed."""

    def __init__(self, url):
        self.url = url

    def get_max_payload_bytes(self):
        return None

    def send(self, payload):
        body = gzip.compress(payload if isinstance(payload, bytes) else payload.encode())
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        request = urllib.request.Request(self.url, data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 202 and answer.read() == b"", answer.status


def with_b3(url, calls):
    common = {"transport_handler": Post(url), "encoding": Encoding.V2_JSON}

    def back(joined):
        with zipkin_server_span("back", "get /back", zipkin_attrs=joined, host="10.0.0.4", port=9000, **common):
            pass

    for _ in range(calls):
        with zipkin_server_span("front", "get /", sample_rate=100.0, host="10.0.0.3", port=80, **common):
            with zipkin_client_span("front", "get") as call:
                call.add_sa_binary_annotation(port=9000, service_name="back", host="10.0.0.4")
                joined = extract_zipkin_attrs_from_headers(create_http_headers())
                # Its tracer is one per thread, as the two services are two processes.
                served = threading.Thread(target=back, args=[joined])
                served.start()
                served.join()


if __name__ == "__main__":
    with_sdk(sys.argv[1], int(sys.argv[2]))
    with_b3(sys.argv[1], int(sys.argv[2]))
