//! The document as one page for people, made on the server: groups, operations that fold open, parameters, bodies,
//! answers, and a cURL example for each. Works without its script, which only opens what a link points to and copies.

use serde_json::Value;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::Object;
use utoipa::openapi::{OpenApi, PathItem, RefOr, Required, Response, Schema};

use super::words::{description, name_of, words};

/// Returns the page.
pub(super) fn render(document: &OpenApi) -> String {
    let page = Page { document };
    let mut html = String::new();
    html.push_str(HEAD);
    html.push_str(&page.navigation());
    html.push_str("<main id=\"main\">\n");
    html.push_str(&page.introduction());
    for tag in document.tags.iter().flatten() {
        let text = tag.description.as_deref().unwrap_or_default();
        html.push_str(&format!(
            "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{name}</h2><p>{text}</p>\n",
            id = slug(&tag.name),
            name = escape(&tag.name),
            text = prose(text)
        ));
        for (path, method, operation) in page.operations_of(&tag.name) {
            html.push_str(&page.operation(path, method, operation));
        }
        html.push_str("</section>\n");
    }
    html.push_str(&page.schemas());
    html.push_str("</main>\n</div>\n</body>\n</html>\n");
    html
}

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
<meta name=\"color-scheme\" content=\"light dark\">\n<title>Semnal API</title>\n\
<link rel=\"stylesheet\" href=\"/docs/style.css\">\n<script src=\"/docs/script.js\" defer></script>\n</head>\n\
<body>\n<a class=\"skip\" href=\"#main\">Skip to the operations</a>\n<div class=\"frame\">\n";

struct Page<'a> {
    document: &'a OpenApi,
}

impl<'a> Page<'a> {
    fn operations_of(&self, tag: &str) -> Vec<(&'a str, &'static str, &'a Operation)> {
        let paths = self.document.paths.paths.iter();
        let all =
            paths.flat_map(|(path, item)| methods(item).map(move |(method, it)| (path.as_str(), method, it)));
        all.filter(|(_, _, it)| it.tags.iter().flatten().any(|name| name == tag)).collect()
    }

    fn navigation(&self) -> String {
        let mut html =
            String::from("<nav aria-label=\"Operations\">\n<p class=\"brand\">Semnal <span>API</span></p>\n");
        for tag in self.document.tags.iter().flatten() {
            html.push_str(&format!("<details><summary>{}</summary><ul>", escape(&tag.name)));
            for (_, _, it) in self.operations_of(&tag.name) {
                let (id, name) = (id_of(it), it.summary.as_deref().unwrap_or_default());
                html.push_str(&format!("<li><a href=\"#{id}\">{}</a></li>", escape(name)));
            }
            html.push_str("</ul></details>\n");
        }
        html.push_str("<p class=\"aside\"><a href=\"#schemas\">Schemas</a> · <a href=\"/openapi.json\">openapi.json</a></p>\n</nav>\n");
        html
    }

    fn introduction(&self) -> String {
        let info = &self.document.info;
        let text = info.description.as_deref().unwrap_or_default();
        format!(
            "<header><h1>API <small>version {version}</small></h1><p>{text}</p>\n\
             <p>The examples use two variables:</p>\n<pre><code>{example}</code></pre></header>\n",
            version = escape(&info.version),
            text = prose(text),
            example =
                "export SEMNAL=http://127.0.0.1:8080\nexport SEMNAL_KEY=$(semnal keys create --name docs)",
        )
    }

    fn operation(&self, path: &str, method: &str, it: &Operation) -> String {
        let mut html = format!(
            "<details class=\"operation\" id=\"{id}\"><summary><span class=\"method {class}\">{method}</span> \
             <code>{path}</code> <span class=\"what\">{summary}</span></summary>\n<div>\n",
            id = id_of(it),
            class = method.to_lowercase(),
            path = broken(path),
            summary = escape(it.summary.as_deref().unwrap_or_default()),
        );
        if let Some(text) = &it.description {
            html.push_str(&format!("<p>{}</p>\n", prose(text)));
        }
        let parameters: Vec<&Parameter> = it.parameters.iter().flatten().filter_map(inline).collect();
        if !parameters.is_empty() {
            html.push_str("<h3>Parameters</h3>\n<dl>\n");
            parameters.iter().for_each(|parameter| html.push_str(&parameter_row(parameter)));
            html.push_str("</dl>\n");
        }
        if let Some(RefOr::T(body)) = &it.request_body {
            html.push_str(&self.body(body));
        }
        html.push_str("<h3>Answers</h3>\n<dl class=\"answers\">\n");
        for (status, response) in &it.responses.responses {
            html.push_str(&self.answer(status, response));
        }
        html.push_str(&format!(
            "</dl>\n<h3>Example</h3>\n<pre><code>{}</code></pre>\n",
            escape(&curl(path, method, it))
        ));
        html.push_str(&format!(
            "<p class=\"id\">operation <code>{}</code></p>\n</div></details>\n",
            escape(it.operation_id.as_deref().unwrap_or_default())
        ));
        html
    }

    fn body(&self, body: &RequestBody) -> String {
        let optional = if body.required == Some(Required::True) { "" } else { " <small>optional</small>" };
        let mut html = format!("<h3>Body{optional}</h3>\n");
        let schemas = body.content.values().filter_map(inline).filter_map(|content| content.schema.as_ref());
        for schema in schemas {
            html.push_str(&fields(&self.objects(schema)));
        }
        html
    }

    /// Returns the objects that a value is made of: several when it has the fields of another one too.
    fn objects(&self, schema: &'a RefOr<Schema>) -> Vec<&'a Object> {
        match schema {
            RefOr::T(Schema::Object(object)) => vec![object],
            RefOr::T(Schema::AllOf(all)) => all.items.iter().flat_map(|it| self.objects(it)).collect(),
            RefOr::Ref(to) => {
                let schemas = self.document.components.as_ref().map(|it| &it.schemas);
                let found = schemas.and_then(|all| all.get(name_of(&to.ref_location)));
                found.map_or_else(Vec::new, |it| self.objects(it))
            }
            RefOr::T(_) => Vec::new(),
        }
    }

    fn answer(&self, status: &str, response: &RefOr<Response>) -> String {
        let shared = self.document.components.as_ref().map(|it| &it.responses);
        let found = match response {
            RefOr::T(response) => Some(response),
            RefOr::Ref(to) => shared.and_then(|all| inline(all.get(name_of(&to.ref_location))?)),
        };
        let Some(response) = found else { return String::new() };
        let schemas =
            response.content.values().filter_map(inline).filter_map(|content| content.schema.as_ref());
        let link = schemas.filter_map(link).collect::<String>();
        let class = if status.starts_with('2') { "good" } else { "bad" };
        format!("<dt class=\"{class}\">{status}</dt><dd>{} {link}</dd>\n", prose(&response.description))
    }

    fn schemas(&self) -> String {
        let mut html = String::from(
            "<section aria-labelledby=\"schemas\"><h2 id=\"schemas\">Schemas</h2><p>What is given and answered.</p>\n",
        );
        for (name, schema) in self.document.components.iter().flat_map(|it| it.schemas.iter()) {
            let name = escape(name);
            html.push_str(&format!("<details class=\"operation\" id=\"schema-{name}\"><summary><code>{name}</code></summary>\n<div>\n"));
            if let Some(text) = description(schema) {
                html.push_str(&format!("<p>{}</p>\n", prose(text)));
            }
            let objects = self.objects(schema);
            if objects.iter().any(|it| !it.properties.is_empty()) {
                html.push_str(&fields(&objects));
            } else {
                html.push_str(&format!("<p>{}</p>\n", escape(&words(schema))));
            }
            html.push_str("</div></details>\n");
        }
        html.push_str("</section>\n");
        html
    }
}

fn methods(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let all = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
        ("HEAD", &item.head),
    ];
    all.into_iter().filter_map(|(method, it)| Some((method, it.as_ref()?)))
}

fn inline<T>(it: &RefOr<T>) -> Option<&T> {
    match it {
        RefOr::T(it) => Some(it),
        RefOr::Ref(_) => None,
    }
}

fn parameter_row(it: &Parameter) -> String {
    let place = match it.parameter_in {
        ParameterIn::Path => "path",
        ParameterIn::Query => "query",
        ParameterIn::Header => "header",
        _ => "cookie",
    };
    let kind = it.schema.as_ref().map(words).unwrap_or_default();
    let text = it.description.as_deref().unwrap_or_default();
    let required = it.required == Required::True;
    row(&it.name, required, &format!("{place} · {kind}"), text)
}

fn fields(objects: &[&Object]) -> String {
    let mut html = String::from("<dl>\n");
    for object in objects {
        for (name, schema) in &object.properties {
            let text = description(schema).unwrap_or_default();
            html.push_str(&row(name, object.required.contains(name), &words(schema), text));
        }
    }
    html.push_str("</dl>\n");
    html
}

fn row(name: &str, required: bool, kind: &str, text: &str) -> String {
    let mark = if required { " <span class=\"required\">required</span>" } else { "" };
    format!(
        "<dt><code>{}</code>{mark}</dt><dd><span class=\"kind\">{}</span> {}</dd>\n",
        escape(name),
        escape(kind),
        prose(text)
    )
}

fn link(schema: &RefOr<Schema>) -> Option<String> {
    let RefOr::Ref(to) = schema else { return None };
    let name = escape(name_of(&to.ref_location));
    Some(format!("<a href=\"#schema-{name}\"><code>{name}</code></a>"))
}

/// A request that a terminal sends; what is in braces is to be filled in.
fn curl(path: &str, method: &str, it: &Operation) -> String {
    let mut text = match method {
        "GET" => format!("curl \"$SEMNAL{path}\""),
        "HEAD" => format!("curl --head \"$SEMNAL{path}\""),
        _ => format!("curl -X {method} \"$SEMNAL{path}\""),
    };
    if it.security.as_ref().is_some_and(|needed| !needed.is_empty()) {
        text.push_str(" \\\n  -H \"authorization: Bearer $SEMNAL_KEY\"");
    }
    if let Some(example) = example_of(it) {
        let quoted = example.to_string().replace('\'', "'\\''");
        text.push_str(&format!(" \\\n  -H \"content-type: application/json\" \\\n  -d '{quoted}'"));
    }
    text
}

fn example_of(it: &Operation) -> Option<&Value> {
    let body = inline(it.request_body.as_ref()?)?;
    body.content.values().filter_map(inline).find_map(|content| content.example.as_ref())
}

fn id_of(it: &Operation) -> String {
    slug(it.operation_id.as_deref().unwrap_or_default())
}

fn slug(text: &str) -> String {
    text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

/// A path that may be broken at its slashes.
fn broken(path: &str) -> String {
    escape(path).replace('/', "/<wbr>")
}

/// Text with `code` in it.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in text.split('`').enumerate() {
        let part = escape(part);
        html.push_str(&if index % 2 == 1 { format!("<code>{part}</code>") } else { part });
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
