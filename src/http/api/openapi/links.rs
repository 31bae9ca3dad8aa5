//! Links: what a POST makes is found below its path by the id that it answers.

use serde_json::{Map, Value, json};

/// An operation below another's path.
struct Below {
    operation: String,
    /// The parameter that takes the id.
    id: String,
}

/// Puts into the answers of each operation that makes something where to find what was made.
pub(super) fn complete(document: &mut Value) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else {
        return;
    };
    let makers: Vec<String> = paths
        .iter()
        .filter(|(_, methods)| methods.get("post").is_some())
        .map(|(path, _)| path.clone())
        .collect();
    for path in makers {
        let below = below(paths, &path);
        let responses = paths
            .get_mut(&path)
            .and_then(|methods| methods.pointer_mut("/post/responses"))
            .and_then(Value::as_object_mut);
        for (status, response) in responses.into_iter().flatten() {
            if matches!(status.as_str(), "201" | "202") && !below.is_empty() {
                link(response, &path, &below);
            }
        }
    }
}

fn below(paths: &Map<String, Value>, path: &str) -> Vec<Below> {
    let mut found = Vec::new();
    for (other, methods) in paths {
        let rest = other
            .strip_prefix(path)
            .and_then(|rest| rest.strip_prefix("/{"));
        let Some((id, _)) = rest.and_then(|rest| rest.split_once('}')) else {
            continue;
        };
        // With one id more than the path has, and no other.
        if other.matches('{').count() != path.matches('{').count() + 1 {
            continue;
        }
        let operations = methods.as_object().into_iter().flat_map(Map::values);
        let names = operations.filter_map(|operation| operation.get("operationId")?.as_str());
        found.extend(names.map(|name| Below {
            operation: String::from(name),
            id: String::from(id),
        }));
    }
    found
}

fn link(response: &mut Value, path: &str, below: &[Below]) {
    let kept = path.split('{').skip(1);
    let kept: Vec<&str> = kept.filter_map(|rest| rest.split('}').next()).collect();
    let links = below.iter().map(|below| {
        let mut parameters: Map<String, Value> = kept
            .iter()
            .map(|name| (String::from(*name), json!(format!("$request.path.{name}"))))
            .collect();
        parameters.insert(below.id.clone(), json!("$response.body#/id"));
        let link = json!({ "operationId": below.operation, "parameters": parameters });
        (below.operation.clone(), link)
    });
    if let Some(response) = response.as_object_mut() {
        response.insert(String::from("links"), Value::Object(links.collect()));
    }
}
