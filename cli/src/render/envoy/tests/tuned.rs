//! The tuned phase: each setting where it acts, and nowhere else.

use tracemesh_graph::egress::{
    Absent, Feature, Phase, Setting, SettingName, SettingSource, SettingValue, Tuning,
};
use tracemesh_graph::inventory::{Addressing, Endpoint};

use super::*;

fn tuned(values: &[(SettingName, SettingValue)]) -> Tuning {
    let setting = |value| Setting {
        value,
        source: SettingSource::Observed,
        formula: "made up".to_owned(),
        facts: Vec::new(),
    };
    Tuning {
        phase: Phase::Tuned,
        settings: values
            .iter()
            .map(|(name, value)| (*name, setting(*value)))
            .collect(),
        ..Tuning::default()
    }
}

/// Every setting that a destination can have, with values told apart.
fn everything() -> Tuning {
    let numbers = [
        (SettingName::ConnectTimeout, 1_000),
        (SettingName::RouteTimeout, 370),
        (SettingName::PerTryTimeout, 160),
        (SettingName::SafeRetries, 1),
        (SettingName::UnsentRetries, 2),
        (SettingName::RetryBudget, 20),
        (SettingName::RetryMinConcurrency, 1),
        (SettingName::MaxRequests, 92),
        (SettingName::MaxPendingRequests, 93),
        (SettingName::MaxConnections, 94),
        (SettingName::Consecutive5xx, 5),
        (SettingName::EjectionInterval, 10_000),
        (SettingName::BaseEjection, 30_000),
        (SettingName::MaxEjection, 300_000),
        (SettingName::MaxEjectionPercent, 17),
        (SettingName::SlowStart, 60_000),
        (SettingName::ZoneAwareMinHosts, 4),
        (SettingName::UpstreamIdle, 1_600),
    ];
    let mut values: Vec<(SettingName, SettingValue)> = numbers
        .into_iter()
        .map(|(name, number)| (name, SettingValue::Number(number)))
        .collect();
    for name in [SettingName::AlwaysEjectOneHost, SettingName::LeastRequest] {
        values.push((name, SettingValue::Flag(true)));
    }
    tuned(&values)
}

/// Gives settings to every destination of the frontend.
fn with_settings(tuning: &Tuning) -> EgressModel {
    let mut model = shop();
    for destination in frontend(&mut model) {
        destination.tuning = tuning.clone();
    }
    model
}

fn frontend(model: &mut EgressModel) -> &mut Vec<tracemesh_graph::egress::Destination> {
    let mut services = model.services.iter_mut();
    let found = services.find(|service| service.id == "service/shop/frontend");
    &mut found.unwrap().destinations
}

fn clusters(model: &EgressModel) -> String {
    let options = EnvoyOptions::default();
    file_of(model, &options, "frontend", "xds/gen-0001/cds.yaml")
}

fn routes(model: &EgressModel, port: u16) -> String {
    let path = format!("xds/gen-0001/rds/outbound_{port}.yaml");
    file_of(model, &EnvoyOptions::default(), "frontend", &path)
}

/// Whether the lines of `part` stand in `text`, one below the other, whatever their indent.
fn assert_has(text: &str, part: &str) {
    let squeeze = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    assert!(
        squeeze(text).contains(squeeze(part).trim()),
        "{part}\nis not in\n{text}"
    );
}

#[test]
fn a_cluster_takes_every_setting_that_belongs_to_clusters() {
    let model = with_settings(&everything());
    let all = clusters(&model);
    let cart = cluster_of(&all, "service/shop/cart");
    for part in [
        "connect_timeout: \"1s\"",
        "max_connections: 94\nmax_pending_requests: 93\nmax_requests: 92\nretry_budget:\nbudget_percent:\nvalue: 20\nmin_retry_concurrency: 1",
        "lb_policy: \"LEAST_REQUEST\"\nleast_request_lb_config:\nslow_start_config:\nslow_start_window: \"60s\"\nmin_weight_percent:\nvalue: 10",
        "outlier_detection:\nconsecutive_5xx: 5\nconsecutive_gateway_failure: 5\nenforcing_consecutive_gateway_failure: 100\nenforcing_success_rate: 0\ninterval: \"10s\"\nbase_ejection_time: \"30s\"\nmax_ejection_time: \"300s\"\nmax_ejection_percent: 17\nalways_eject_one_host: true",
        "idle_timeout: \"1.600s\"",
        "phase: \"tuned\"",
        "zone-aware: names carry no zone: needs endpoint files",
    ] {
        assert_has(cart, part);
    }
    assert!(!cart.contains("split_external"), "{cart}");
}

/// A policy may give the failures in a row and nothing else: with Envoy's default share, no host of fewer than ten would ever be
/// ejected.
#[test]
fn failures_in_a_row_alone_eject_a_host() {
    let failures = (SettingName::Consecutive5xx, SettingValue::Number(5));
    let never = (SettingName::AlwaysEjectOneHost, SettingValue::Flag(false));
    for (settings, always) in [(&[failures][..], "true"), (&[failures, never], "false")] {
        let all = clusters(&with_settings(&tuned(settings)));
        let cart = cluster_of(&all, "service/shop/cart");
        assert_has(cart, &format!("always_eject_one_host: {always}"));
    }
}

#[test]
fn only_safe_methods_are_sent_twice_after_an_answer() {
    let text = routes(&with_settings(&everything()), 8080);
    assert_has(
        &text,
        r#"
        - name: "safe-methods"
          match:
            prefix: "/"
            headers:
            - name: ":method"
              string_match:
                safe_regex:
                  regex: "GET|HEAD|OPTIONS"
          route:
            cluster: "cart_shop_svc_cluster_local_8080"
            timeout: "0.370s"
            retry_policy:
              retry_on: "connect-failure,refused-stream,reset,gateway-error"
              num_retries: 1
              per_try_timeout: "0.160s"
              retry_host_predicate:
              - name: "envoy.retry_host_predicates.previous_hosts"
                typed_config:
                  "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
              host_selection_retry_max_attempts: 3
        - name: "all"
          match:
            prefix: "/"
          route:
            cluster: "cart_shop_svc_cluster_local_8080"
            timeout: "0.370s"
            retry_policy:
              retry_on: "connect-failure,refused-stream,reset-before-request"
              num_retries: 2
        "#,
    );
    // The passthrough stays as it is.
    assert_has(&text, "cluster: \"passthrough_http\"\ntimeout: \"0s\"");
    let unobserved = text.split("name: \"unobserved\"").nth(1).unwrap();
    assert!(!unobserved.contains("retry"), "{unobserved}");
}

#[test]
fn grpc_keeps_the_deadline_of_its_client_and_no_other_once_tuned() {
    let deadline = "max_stream_duration:\ngrpc_timeout_header_max: \"0s\"";
    let streaming = tuned(&[(SettingName::RouteTimeout, SettingValue::Number(0))]);
    let text = routes(&with_settings(&streaming), 50051);
    assert_has(&text, &format!("timeout: \"0s\"\n{deadline}"));
    assert!(!routes(&shop(), 50051).contains("max_stream_duration"));
    assert!(!routes(&with_settings(&streaming), 8080).contains("max_stream_duration"));
}

#[test]
fn retries_without_a_budget_stay_few() {
    let model = with_settings(&tuned(&[(
        SettingName::UnsentRetries,
        SettingValue::Number(1),
    )]));
    assert_has(&clusters(&model), "max_retries: 3");
}

#[test]
fn settings_that_cannot_act_are_left_out_and_listed() {
    let model = with_settings(&everything());
    let all = clusters(&model);
    let literal = cluster_of(&all, "external/10.9.8.7:8080");
    assert!(!literal.contains("outlier_detection"), "{literal}");
    assert!(!literal.contains("LEAST_REQUEST"), "{literal}");
    assert_has(
        literal,
        "- \"outlier-detection, least-request, slow-start, zone-aware: one address\"",
    );
    let index = file_set_index(&model);
    let entry = &index["services"]["service/shop/frontend"];
    assert_eq!(entry["phase"], "tuned");
    let inert = entry["inert"].as_array().unwrap();
    let one_address = inert
        .iter()
        .find(|one| one["reason"] == "one address" && one["feature"] == "outlier_detection");
    assert_eq!(
        one_address.unwrap()["destinations"],
        serde_json::json!(["external/10.9.8.7:8080"])
    );
}

fn file_set_index(model: &EgressModel) -> serde_json::Value {
    let Some(Entry::File(text)) = render(model, &EnvoyOptions::default()).remove("index.json")
    else {
        panic!("no index");
    };
    serde_json::from_str(&text).unwrap()
}

#[test]
fn phases_of_one_file_can_differ() {
    let mut model = shop();
    let destinations = frontend(&mut model);
    let mut destinations = destinations.iter_mut();
    let cart = destinations.find(|one| one.node == "service/shop/cart");
    cart.unwrap().tuning = everything();
    let all = clusters(&model);
    assert_has(cluster_of(&all, "service/shop/cart"), "phase: \"tuned\"");
    let other = cluster_of(&all, "service/shop/checkout");
    assert_has(other, "phase: \"transparent\"");
    assert_has(other, "connect_timeout: \"10s\"");
    let index = file_set_index(&model);
    assert_eq!(index["services"]["service/shop/frontend"]["phase"], "mixed");
}

#[test]
fn what_the_model_withholds_is_in_the_metadata_and_in_the_index() {
    let mut model = shop();
    for destination in frontend(&mut model) {
        destination.tuning.withheld = vec![Absent {
            feature: Feature::Retries,
            reason: "too few calls".to_owned(),
        }];
    }
    assert_has(&clusters(&model), "withheld:\n- \"retries\"");
    let index = file_set_index(&model);
    let withheld = index["services"]["service/shop/frontend"]["withheld"].as_array();
    let retries: Vec<_> = withheld
        .unwrap()
        .iter()
        .filter(|one| one["reason"] == "too few calls")
        .collect();
    assert_eq!(retries.len(), 1, "{retries:?}");
    assert_eq!(retries[0]["feature"], "retries");
    assert_eq!(retries[0]["destinations"].as_array().unwrap().len(), 3);
}

/// Endpoints of the cart in two zones, and of the frontend itself, as another service dials it.
fn with_endpoints(mut model: EgressModel) -> EgressModel {
    let endpoint = |last: u8, zone: &str| Endpoint {
        address: [10, 0, 0, last].into(),
        port: 8080,
        zone: Some(zone.to_owned()),
    };
    let mut of_frontend = frontend(&mut model)[0].clone();
    for destination in frontend(&mut model) {
        for target in &mut destination.targets {
            if destination.node == "service/shop/cart" {
                target.addressing = Some(Addressing::Headless);
                target.endpoints = vec![endpoint(1, "za"), endpoint(2, "zb"), endpoint(3, "za")];
            }
        }
    }
    of_frontend.node = "service/shop/frontend".to_owned();
    of_frontend.targets[0].endpoints = vec![endpoint(8, "za"), endpoint(9, "zb")];
    model.services[0].destinations.push(of_frontend);
    model
}

#[test]
fn endpoint_files_are_used_where_an_agent_was_promised() {
    let model = with_endpoints(with_settings(&everything()));
    let headless = clusters(&model);
    let cart = cluster_of(&headless, "service/shop/cart");
    assert_has(cart, "dns_refresh_rate: \"5s\"");
    assert!(!cart.contains("EDS"), "{cart}");

    let options = EnvoyOptions {
        endpoint_files: true,
        ..EnvoyOptions::default()
    };
    let file = |path: &str| file_of(&model, &options, "frontend", path);
    let all = file("xds/gen-0001/cds.yaml");
    let cart = cluster_of(&all, "service/shop/cart");
    let name = "cart_shop_svc_cluster_local_8080";
    assert_has(
        cart,
        &format!(
            "type: \"EDS\"\neds_cluster_config:\neds_config:\npath_config_source:\npath: \"xds/eds/{name}.yaml\"\nwatched_directory:\npath: \"xds/eds\""
        ),
    );
    assert_has(cart, "zone_aware_lb_config:\nmin_cluster_size: 4");
    assert_has(
        &file(&format!("xds/eds/{name}.yaml")),
        "endpoints:\n- locality:\nzone: \"za\"\nlb_endpoints:\n- endpoint:\naddress:\nsocket_address:\naddress: \"10.0.0.1\"\nport_value: 8080\n- endpoint:\naddress:\nsocket_address:\naddress: \"10.0.0.3\"",
    );
    let bootstrap = file("bootstrap.yaml");
    assert_has(&bootstrap, "local_cluster_name: \"local_instances\"");
    assert_has(&bootstrap, "path: \"xds/eds/local_instances.yaml\"");
    assert!(file("xds/eds/local_instances.yaml").contains("10.0.0.9"));
    let checked = file("validate.yaml");
    assert!(!checked.contains("EDS"), "{checked}");
    assert!(checked.contains("10.0.0.9") && checked.contains("10.0.0.3"));
}

#[test]
fn pods_that_come_and_go_make_no_generation() {
    let model = with_endpoints(with_settings(&everything()));
    let options = EnvoyOptions {
        endpoint_files: true,
        ..EnvoyOptions::default()
    };
    let generation = |model: &EgressModel| {
        let frontend = BTreeSet::from(["service/shop/frontend".to_owned()]);
        let one = Renderer::new(model, &options, Some(&frontend));
        one.render(0).1.generation
    };
    let mut moved = model.clone();
    for destination in frontend(&mut moved) {
        for target in &mut destination.targets {
            for endpoint in &mut target.endpoints {
                endpoint.address = [10, 9, 9, 9].into();
            }
        }
    }
    assert_ne!(model, moved);
    assert_eq!(generation(&model), generation(&moved));
}

#[test]
fn inbound_calls_are_shed_only_with_numbers_from_the_model() {
    let numbers = [
        (SettingName::MinConcurrency, 13),
        (SettingName::MaxConcurrency, 130),
        (SettingName::MinRttRequests, 120),
        (SettingName::MinRttInterval, 60_000),
        (SettingName::RttBuffer, 62),
    ];
    let values = numbers.map(|(name, number)| (name, SettingValue::Number(number)));
    let mut model = shop();
    let listeners = |model: &EgressModel| {
        let options = EnvoyOptions::default();
        file_of(model, &options, "cart", "xds/gen-0001/lds.yaml")
    };
    assert!(!listeners(&model).contains("adaptive_concurrency"));
    for service in &mut model.services {
        service.inbound_tuning = tuned(&values);
    }
    let text = listeners(&model);
    assert_eq!(text.matches("adaptive_concurrency.enabled").count(), 1);
    assert_has(
        &text,
        "max_concurrency_limit: 130\nmin_rtt_calc_params:\ninterval: \"60s\"\nrequest_count: 120\njitter:\nvalue: 10\nmin_concurrency: 13\nbuffer:\nvalue: 62",
    );
    for service in &mut model.services {
        service.inbound_tuning.phase = Phase::Transparent;
    }
    assert!(!listeners(&model).contains("adaptive_concurrency"));
    // A policy may give this number and no other, for a service of which nothing else is known.
    for service in &mut model.services {
        service.inbound_tuning = tuned(&values[..1]);
    }
    assert_has(
        &listeners(&model),
        "max_concurrency_limit: 1000\nmin_rtt_calc_params:\ninterval: \"60s\"\njitter:\nvalue: 10\nmin_concurrency: 13",
    );
}
