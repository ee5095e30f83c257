//! Calls between services: retries, redirects, sidecars, gateways.

use super::dialect::{self, Dialled};
use super::weaver::{SpanIndex, Weaver};
use crate::span::Kind;
use crate::truth::{Evidence, Happened, Relation};
use crate::world::{Dial, HTTP_PORT, PUBLIC_HOST, Sdk, ServiceCall};

/// How one attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Fine,
    /// The callee says so.
    Failed,
    /// 404: an error to the client, an answer to the server.
    NotFound,
}

/// A service and the pod of it that acts.
pub(super) type Own = (usize, usize);

impl<'w> Weaver<'w> {
    /// One logical call with its attempts.
    pub(super) fn call(&mut self, own: Own, parent: u64, call: &'w ServiceCall) {
        if let Dial::Redirect(old) = call.dial {
            self.attempt(own, parent, call, (0, Some(old)));
            let ending = self.attempt(own, parent, call, (1, None));
            let nodes = (self.node(own.0), self.node(old));
            self.called(
                nodes,
                Relation::Sync,
                Happened::once(false),
                Evidence::Paired,
            );
            self.reached(own.0, call, &[ending]);
            return;
        }
        let mut endings = Vec::new();
        for resend in 0..=call.retries {
            let ending = self.attempt(own, parent, call, (resend, None));
            endings.push(ending);
            // gRPC clients tell one span for all attempts; see `grpc_attempts`.
            if ending != Ending::Failed || call.is_grpc {
                break;
            }
        }
        self.reached(own.0, call, &endings);
    }

    /// Notes what the attempts of one call come to.
    fn reached(&mut self, caller: usize, call: &ServiceCall, endings: &[Ending]) {
        let failures = endings.iter().filter(|end| **end == Ending::Failed);
        let happened = Happened {
            calls: 1,
            attempts: endings.len() as u64,
            failed: u64::from(endings.last() == Some(&Ending::Failed)),
            failed_attempts: failures.count() as u64,
        };
        let (caller, callee) = (self.node(caller), self.node(call.callee));
        if let Dial::Gateway(gateway) = call.dial {
            let gateway = self.node(gateway);
            self.called(
                (caller, gateway),
                Relation::Sync,
                happened,
                Evidence::Paired,
            );
            self.called(
                (caller, callee),
                Relation::Proxied,
                happened,
                Evidence::Paired,
            );
        } else if !call.is_grpc {
            self.called((caller, callee), Relation::Sync, happened, Evidence::Paired);
        }
    }

    /// One client span and what answers it.
    fn attempt(
        &mut self,
        own: Own,
        parent: u64,
        call: &'w ServiceCall,
        (resend, old): (u16, Option<usize>),
    ) -> Ending {
        let callee = old.unwrap_or(call.callee);
        let pod = self.other_pod(callee, own.1);
        let client = self.open(
            Kind::Client,
            if call.is_grpc { "Get" } else { "GET" },
            own.1,
            Some(parent),
        );
        self.tell_client(client, own, call, (callee, pod));
        if resend > 0 {
            self.span(client)
                .tell("http.request.resend_count", resend.to_string());
        }
        if self.world.services[own.0].has_socket_spans && call.dial != Dial::Pod {
            self.socket_steps(client, own.1, pod);
        }
        let ending = match call.dial {
            Dial::Gateway(gateway) => self.through_gateway(client, call, (gateway, pod)),
            _ if call.is_grpc => self.grpc_attempts(client, own, callee, pod, call.retries),
            _ if old.is_some() => self.answer_with_redirect(client, callee, pod),
            _ => self.arrive(client, own, callee, pod, call.is_grpc),
        };
        if !call.is_grpc {
            let sdk = self.world.services[own.0].sdk;
            let status = match ending {
                Ending::Fine if old.is_some() => "302",
                Ending::Fine => "200",
                Ending::Failed => "503",
                Ending::NotFound => "404",
            };
            dialect::status(self.span(client), sdk, status);
        }
        self.close(client, ending != Ending::Fine);
        ending
    }

    /// A pod of the callee, and never the calling pod itself.
    fn other_pod(&mut self, callee: usize, calling: usize) -> usize {
        let pods = &self.world.services[callee].pods;
        let pod = self.pod(callee);
        if pod == calling {
            pods.start + (pod - pods.start + 1) % pods.len()
        } else {
            pod
        }
    }

    fn tell_client(&mut self, client: SpanIndex, own: Own, call: &ServiceCall, to: Own) {
        let world = self.world;
        let (sdk, callee) = (world.services[own.0].sdk, &world.services[to.0]);
        let dialled = match call.dial {
            Dial::Name(form) => Dialled::Name(&callee.hosts[form]),
            Dial::Redirect(_) => Dialled::Name(&callee.hosts[1]),
            Dial::Gateway(_) => Dialled::Public(PUBLIC_HOST),
            Dial::SharedHost => Dialled::Public(crate::world::SHARED_HOST),
            Dial::Pod => Dialled::Socket,
            Dial::Untold => Dialled::Nothing,
        };
        let socket = self.address(to.1);
        let sdk = if call.dial == Dial::Pod {
            Sdk::Stable
        } else {
            sdk
        };
        if call.is_grpc {
            let rpc = (callee.rpc_service.as_str(), sdk);
            dialect::grpc_client(self.span(client), dialled, rpc, socket);
        } else {
            dialect::http_client(self.span(client), dialled, sdk, socket);
        }
    }

    /// DNS and connect spans of some HTTP clients.
    fn socket_steps(&mut self, client: SpanIndex, pod: usize, to: usize) {
        let parent = Some(self.id(client));
        let address = self.address(to);
        for name in ["dns.lookup", "tcp.connect"] {
            let step = self.open(Kind::Internal, name, pod, parent);
            self.span(step)
                .describe(&[("network.peer.address", address)]);
            self.close(step, false);
        }
    }

    /// Through the sidecars of both ends, where there are any, to the server span of the callee.
    fn arrive(
        &mut self,
        client: SpanIndex,
        (caller, from): Own,
        callee: usize,
        pod: usize,
        is_grpc: bool,
    ) -> Ending {
        let world = self.world;
        let mut carrier = client;
        let mut proxies = Vec::new();
        let (sent, served) = (&world.services[caller], &world.services[callee]);
        if let Some(sidecar) = sidecar(sent, from) {
            let parent = self.id(carrier);
            carrier = self.open(Kind::Client, "proxy", sidecar, Some(parent));
            let downstream = self.address(from);
            dialect::sidecar_client(self.span(carrier), served, downstream);
            proxies.push(carrier);
        }
        if let Some(sidecar) = sidecar(served, pod) {
            let parent = self.id(carrier);
            carrier = self.open(Kind::Server, "proxy", sidecar, Some(parent));
            let downstream = self.address(from);
            dialect::sidecar_server(self.span(carrier), downstream);
            proxies.push(carrier);
        }
        let parent = self.id(carrier);
        let ending = self.serve(callee, pod, Some(parent), is_grpc);
        for proxy in proxies.into_iter().rev() {
            self.close(proxy, ending == Ending::Failed);
        }
        ending
    }

    /// The server span, or two of them, and the work inside.
    fn serve_span(
        &mut self,
        service: usize,
        pod: usize,
        parent: Option<u64>,
        is_grpc: bool,
    ) -> SpanIndex {
        let span = self.open(Kind::Server, "serve", pod, parent);
        let own = &self.world.services[service];
        dialect::server(self.span(span), own, is_grpc);
        span
    }

    /// A service works on a request.
    pub(super) fn serve(
        &mut self,
        service: usize,
        pod: usize,
        parent: Option<u64>,
        is_grpc: bool,
    ) -> Ending {
        let outer = self.serve_span(service, pod, parent, is_grpc);
        let before = self.take_up(service);
        let is_nested = self.world.services[service].has_nested_servers;
        let inner = is_nested.then(|| {
            let parent = self.id(outer);
            self.serve_span(service, pod, Some(parent), is_grpc)
        });
        let below = self.id(inner.unwrap_or(outer));
        self.work(service, pod, below);
        self.working_for = before;
        let ending = match self.random.below(1000) {
            0..40 => Ending::Failed,
            40..70 if !is_grpc => Ending::NotFound,
            _ => Ending::Fine,
        };
        for span in inner.into_iter().chain([outer]) {
            self.close(span, ending == Ending::Failed);
        }
        ending
    }

    fn answer_with_redirect(&mut self, client: SpanIndex, old: usize, pod: usize) -> Ending {
        let parent = self.id(client);
        let span = self.serve_span(old, pod, Some(parent), false);
        let before = self.take_up(old);
        self.working_for = before;
        self.close(span, false);
        Ending::Fine
    }
}

fn sidecar(service: &crate::world::Service, pod: usize) -> Option<usize> {
    service
        .sidecars
        .clone()
        .nth(pod.checked_sub(service.pods.start)?)
}

impl<'w> Weaver<'w> {
    /// One client span, several server spans: the transport tried again by itself. Behind sidecars these try again, and
    /// that shows nowhere.
    fn grpc_attempts(
        &mut self,
        client: SpanIndex,
        own: Own,
        callee: usize,
        pod: usize,
        retries: u16,
    ) -> Ending {
        let world = self.world;
        let is_meshed = !world.services[callee].sidecars.is_empty()
            || !world.services[own.0].sidecars.is_empty();
        let mut happened = Happened {
            calls: 1,
            ..Happened::default()
        };
        let mut ending = Ending::Fine;
        let mut pod = pod;
        for _ in 0..=if is_meshed { 0 } else { retries } {
            ending = self.arrive(client, own, callee, pod, true);
            happened.attempts += 1;
            happened.failed_attempts += u64::from(ending == Ending::Failed);
            if ending != Ending::Failed {
                break;
            }
            pod = self.other_pod(callee, own.1);
        }
        happened.failed = u64::from(ending == Ending::Failed);
        let nodes = (self.node(own.0), self.node(callee));
        self.called(nodes, Relation::Sync, happened, Evidence::Paired);
        ending
    }

    /// The gateway's server span, and its client span to the callee.
    fn through_gateway(
        &mut self,
        client: SpanIndex,
        call: &ServiceCall,
        (gateway, pod): (usize, usize),
    ) -> Ending {
        let world = self.world;
        let front = self.pod(gateway);
        let parent = self.id(client);
        let server = self.open(Kind::Server, "ingress", front, Some(parent));
        let before = self.take_up(gateway);
        dialect::gateway_server(self.span(server));
        let parent = self.id(server);
        let onward = self.open(Kind::Client, "egress", front, Some(parent));
        let host = &world.services[call.callee].hosts[2];
        self.span(onward).describe(&[("component", "proxy")]);
        self.span(onward).tell(
            "upstream_cluster.name",
            format!("outbound|{HTTP_PORT}||{host}"),
        );
        let ending = self.arrive(onward, (gateway, front), call.callee, pod, false);
        let nodes = (self.node(gateway), self.node(call.callee));
        let happened = Happened::once(ending == Ending::Failed);
        self.called(nodes, Relation::Sync, happened, Evidence::Paired);
        self.working_for = before;
        for span in [onward, server] {
            self.close(span, ending == Ending::Failed);
        }
        ending
    }
}
