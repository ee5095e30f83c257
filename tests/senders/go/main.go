// Senders with the OpenTelemetry SDK for Go: for each way given, a company of three services that call each other.
//
// usage: senders CALLS MILLISECONDS NAMESPACE,PROTOCOL,COMPRESSION,ENDPOINT...
//
// `web` calls `cart`, `cart` calls `stock`, `stock` asks a database, CALLS times with so many milliseconds in between;
// every fifth answer of `stock` is an error. PROTOCOL is grpc or http/protobuf, COMPRESSION gzip or none, ENDPOINT a URL.
// Prints nothing and ends with 0 once every span was exported.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// How long an exporter tries.
const patience = time.Minute

var headers = propagation.TraceContext{}

// way is how the spans of one company are sent.
type way struct{ namespace, protocol, compression, endpoint string }

func parse(text string) (way, error) {
	parts := strings.Split(text, ",")
	if len(parts) != 4 {
		return way{}, fmt.Errorf("%q is not NAMESPACE,PROTOCOL,COMPRESSION,ENDPOINT", text)
	}
	return way{parts[0], parts[1], parts[2], parts[3]}, nil
}

func (w way) exporter(ctx context.Context) (*otlptrace.Exporter, error) {
	switch w.protocol {
	case "grpc":
		options := []otlptracegrpc.Option{
			otlptracegrpc.WithEndpointURL(w.endpoint),
			otlptracegrpc.WithTimeout(patience),
		}
		if w.compression == "gzip" {
			options = append(options, otlptracegrpc.WithCompressor("gzip"))
		}
		return otlptracegrpc.New(ctx, options...)
	case "http/protobuf":
		compression := otlptracehttp.NoCompression
		if w.compression == "gzip" {
			compression = otlptracehttp.GzipCompression
		}
		return otlptracehttp.New(ctx,
			otlptracehttp.WithEndpointURL(w.endpoint+"/v1/traces"),
			otlptracehttp.WithTimeout(patience),
			otlptracehttp.WithCompression(compression))
	}
	return nil, fmt.Errorf("unknown protocol %q", w.protocol)
}

// service is one service with an exporter of its own.
type service struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

func (w way) service(ctx context.Context, name string) (service, error) {
	exporter, err := w.exporter(ctx)
	if err != nil {
		return service{}, err
	}
	identity := resource.NewSchemaless(
		attribute.String("service.name", name),
		attribute.String("service.namespace", w.namespace))
	batches := sdktrace.WithBatcher(exporter,
		sdktrace.WithMaxExportBatchSize(32),
		sdktrace.WithBatchTimeout(200*time.Millisecond),
		sdktrace.WithExportTimeout(patience),
		sdktrace.WithBlocking())
	provider := sdktrace.NewTracerProvider(batches, sdktrace.WithResource(identity))
	return service{provider, provider.Tracer("senders")}, nil
}

// serve continues the trace of the headers, as an instrumented server does.
func (s service) serve(carrier propagation.MapCarrier, name string, work func(context.Context) bool) {
	ctx := headers.Extract(context.Background(), carrier)
	ctx, span := s.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	if !work(ctx) {
		span.SetStatus(codes.Error, "out of stock")
	}
}

// dial starts the client span of a request, and fills its headers.
func (s service) dial(ctx context.Context, name string, port int, attributes ...attribute.KeyValue) (trace.Span, propagation.MapCarrier) {
	attributes = append(attributes,
		attribute.String("server.address", name),
		attribute.Int("server.port", port))
	ctx, span := s.tracer.Start(ctx, "GET", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	carrier := propagation.MapCarrier{}
	headers.Inject(ctx, carrier)
	return span, carrier
}

func (w way) call(web, cart, stock service, isAnswered bool) {
	http := attribute.String("http.request.method", "GET")
	web.serve(propagation.MapCarrier{}, "GET /", func(ctx context.Context) bool {
		span, carrier := web.dial(ctx, "cart."+w.namespace, 8080, http)
		defer span.End()
		cart.serve(carrier, "GET /cart", func(ctx context.Context) bool {
			span, carrier := cart.dial(ctx, "stock."+w.namespace, 8080, http)
			defer span.End()
			stock.serve(carrier, "GET /stock", func(ctx context.Context) bool {
				span, _ := stock.dial(ctx, "db."+w.namespace, 5432,
					attribute.String("db.system.name", "postgresql"),
					attribute.String("db.namespace", "stock"))
				span.End()
				return isAnswered
			})
			return true
		})
		return true
	})
}

func (w way) run(calls int, pause time.Duration) error {
	ctx := context.Background()
	var services []service
	for _, name := range []string{"web", "cart", "stock"} {
		made, err := w.service(ctx, name)
		if err != nil {
			return err
		}
		services = append(services, made)
	}
	for number := range calls {
		w.call(services[0], services[1], services[2], number%5 != 0)
		time.Sleep(pause)
	}
	var faults []error
	for _, service := range services {
		faults = append(faults, service.provider.Shutdown(ctx))
	}
	return errors.Join(faults...)
}

func run(arguments []string) error {
	if len(arguments) < 3 {
		return errors.New("usage: senders CALLS MILLISECONDS NAMESPACE,PROTOCOL,COMPRESSION,ENDPOINT...")
	}
	calls, err := strconv.Atoi(arguments[0])
	if err != nil {
		return err
	}
	pause, err := strconv.Atoi(arguments[1])
	if err != nil {
		return err
	}
	ways := arguments[2:]
	// What an exporter gives up on is told to the handler only.
	var lock sync.Mutex
	var faults []error
	add := func(err error) {
		lock.Lock()
		defer lock.Unlock()
		faults = append(faults, err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(add))
	var group sync.WaitGroup
	for _, text := range ways {
		parsed, err := parse(text)
		if err != nil {
			return err
		}
		group.Go(func() { add(parsed.run(calls, time.Duration(pause)*time.Millisecond)) })
	}
	group.Wait()
	return errors.Join(faults...)
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--help" {
		return
	}
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}
