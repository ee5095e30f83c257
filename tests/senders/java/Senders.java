// Senders with the OpenTelemetry SDK for Java: for each way given, a company of three services that call each other.
//
// usage: java --class-path 'LIB/*' Senders.java CALLS MILLISECONDS NAMESPACE,PROTOCOL,COMPRESSION,ENDPOINT...
//
// `web` calls `cart`, `cart` calls `stock`, `stock` asks a database, CALLS times with so many milliseconds in between; every
// fifth answer of `stock` is an error. PROTOCOL is grpc or http/protobuf, COMPRESSION gzip or none, ENDPOINT a URL. Prints
// nothing and ends with 0 once every span was exported.

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

public final class Senders {
  /** How long an exporter tries. */
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private static final W3CTraceContextPropagator HEADERS = W3CTraceContextPropagator.getInstance();

  private static final TextMapGetter<Map<String, String>> GETTER =
      new TextMapGetter<>() {
        @Override
        public Iterable<String> keys(Map<String, String> carrier) {
          return carrier.keySet();
        }

        @Override
        public String get(Map<String, String> carrier, String key) {
          return carrier.get(key);
        }
      };

  /** How the spans of one company are sent. */
  private record Way(String namespace, String protocol, String compression, String endpoint) {
    static Way parse(String text) {
      String[] parts = text.split(",");
      return new Way(parts[0], parts[1], parts[2], parts[3]);
    }

    SpanExporter exporter() {
      return switch (protocol) {
        case "grpc" ->
            OtlpGrpcSpanExporter.builder()
                .setEndpoint(endpoint)
                .setCompression(compression)
                .setTimeout(PATIENCE)
                .build();
        case "http/protobuf" ->
            OtlpHttpSpanExporter.builder()
                .setEndpoint(endpoint + "/v1/traces")
                .setCompression(compression)
                .setTimeout(PATIENCE)
                .build();
        default -> throw new IllegalArgumentException("unknown protocol " + protocol);
      };
    }

    Service service(String name) {
      Attributes identity = Attributes.builder().put("service.name", name).put("service.namespace", namespace).build();
      BatchSpanProcessor batches =
          BatchSpanProcessor.builder(exporter())
              .setMaxExportBatchSize(32)
              .setScheduleDelay(Duration.ofMillis(200))
              .setExporterTimeout(PATIENCE)
              .build();
      SdkTracerProvider provider =
          SdkTracerProvider.builder()
              .setResource(Resource.create(identity))
              .addSpanProcessor(batches)
              .build();
      return new Service(provider, provider.get("senders"));
    }
  }

  /** One service with an exporter of its own. */
  private record Service(SdkTracerProvider provider, Tracer tracer) {
    /** Continues the trace of the headers, as an instrumented server does. */
    void serve(Map<String, String> carrier, String name, Predicate<Context> work) {
      Context parent = HEADERS.extract(Context.root(), carrier, GETTER);
      Span span = tracer.spanBuilder(name).setParent(parent).setSpanKind(SpanKind.SERVER).startSpan();
      if (!work.test(parent.with(span))) {
        span.setStatus(StatusCode.ERROR, "out of stock");
      }
      span.end();
    }

    /** One request with headers that its answerer reads. */
    void dial(Context context, String host, long port, Attributes attributes, Consumer<Map<String, String>> answer) {
      Span span =
          tracer
              .spanBuilder("GET")
              .setParent(context)
              .setSpanKind(SpanKind.CLIENT)
              .setAllAttributes(attributes)
              .setAttribute("server.address", host)
              .setAttribute("server.port", port)
              .startSpan();
      Map<String, String> carrier = new HashMap<>();
      HEADERS.inject(context.with(span), carrier, Map::put);
      answer.accept(carrier);
      span.end();
    }
  }

  private static final Attributes HTTP = Attributes.of(AttributeKey.stringKey("http.request.method"), "GET");

  private static final Attributes DATABASE =
      Attributes.of(
          AttributeKey.stringKey("db.system.name"), "postgresql", AttributeKey.stringKey("db.namespace"), "stock");

  private static void call(String namespace, List<Service> services, boolean isAnswered) {
    Service web = services.get(0);
    Service cart = services.get(1);
    Service stock = services.get(2);
    Predicate<Context> askDatabase =
        context -> {
          stock.dial(context, "db." + namespace, 5432, DATABASE, carrier -> {});
          return isAnswered;
        };
    Predicate<Context> askStock =
        context -> {
          cart.dial(context, "stock." + namespace, 8080, HTTP, carrier -> stock.serve(carrier, "GET /stock", askDatabase));
          return true;
        };
    web.serve(
        Map.of(),
        "GET /",
        context -> {
          web.dial(context, "cart." + namespace, 8080, HTTP, carrier -> cart.serve(carrier, "GET /cart", askStock));
          return true;
        });
  }

  private static void run(Way way, int calls, long milliseconds) {
    List<Service> services = new ArrayList<>();
    for (String name : List.of("web", "cart", "stock")) {
      services.add(way.service(name));
    }
    for (int number = 0; number < calls; number++) {
      call(way.namespace(), services, number % 5 != 0);
      try {
        Thread.sleep(milliseconds);
      } catch (InterruptedException interrupted) {
        throw new IllegalStateException(interrupted);
      }
    }
    for (Service service : services) {
      if (!service.provider().shutdown().join(PATIENCE.toSeconds(), TimeUnit.SECONDS).isSuccess()) {
        throw new IllegalStateException("spans of " + way + " were not exported");
      }
    }
  }

  /** What an exporter gives up on is told to its log only. */
  private static AtomicInteger countedComplaints() {
    AtomicInteger complaints = new AtomicInteger();
    Handler counter =
        new Handler() {
          @Override
          public void publish(LogRecord record) {
            if (record.getLevel().intValue() >= Level.WARNING.intValue()) {
              complaints.incrementAndGet();
            }
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    Logger.getLogger("").addHandler(counter);
    return complaints;
  }

  public static void main(String[] arguments) throws InterruptedException {
    AtomicInteger faults = countedComplaints();
    int calls = Integer.parseInt(arguments[0]);
    long milliseconds = Long.parseLong(arguments[1]);
    List<Thread> threads = new ArrayList<>();
    for (String text : List.of(arguments).subList(2, arguments.length)) {
      Thread thread = new Thread(() -> run(Way.parse(text), calls, milliseconds));
      thread.setUncaughtExceptionHandler(
          (failed, error) -> {
            error.printStackTrace();
            faults.incrementAndGet();
          });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) {
      thread.join();
    }
    System.exit(faults.get() == 0 ? 0 : 1);
  }
}
