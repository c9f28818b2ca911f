//! One operation, from its method and path to its answers. What every operation has (the key, the parts of its path,
//! the errors) is added here, so that a description says only what is special about it.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, ParameterStyle,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Array, Object, Type};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
    SecurityRequirement,
};

use super::super::idempotency::KEY_BYTES_MAX;
use super::super::page::{LIMIT_DEFAULT, LIMIT_MAX, Order};
use super::document::{BEARER, list_schema, path_parts};
use super::shape::{self, Body};

const JSON: &str = "application/json";

/// An operation as it is put together.
pub(super) struct Described {
    pub method: HttpMethod,
    pub path: &'static str,
    /// What the document must know beside it.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    builder: OperationBuilder,
    responses: BTreeMap<u16, RefOr<Response>>,
    is_open: bool,
    has_input: bool,
}

macro_rules! methods {
    ($($function:ident $method:ident),*) => {$(
        /// Begins an operation: its path, its id (Svix's where the operation is theirs), a sentence.
        pub(super) fn $function(path: &'static str, id: &str, summary: &str) -> Described {
            Described::new(HttpMethod::$method, path, id, summary)
        }
    )*};
}
methods!(get Get, post Post, put Put, patch Patch, delete Delete, head Head);

impl Described {
    fn new(method: HttpMethod, path: &'static str, id: &str, summary: &str) -> Described {
        let mut builder = OperationBuilder::new().operation_id(Some(id)).summary(Some(summary));
        for part in path_parts(path) {
            let (shape, text) = path_part(part);
            builder = builder.parameter(parameter(part, ParameterIn::Path, shape, text));
        }
        Described {
            method,
            path,
            schemas: Vec::new(),
            builder,
            responses: BTreeMap::new(),
            is_open: false,
            has_input: false,
        }
    }

    /// More about it, in whole sentences.
    pub(super) fn details(mut self, text: &str) -> Described {
        self.builder = self.builder.description(Some(text));
        self
    }

    /// It needs no key.
    pub(super) fn open(mut self) -> Described {
        self.is_open = true;
        self
    }

    // ---- what it takes ----------------------------------------------------------------------------------------

    /// A parameter of the query.
    pub(super) fn query(mut self, name: &str, shape: Schema, text: &str) -> Described {
        self.has_input = true;
        self.builder = self.builder.parameter(parameter(name, ParameterIn::Query, shape, text));
        self
    }

    /// A page of a list; `order` is its default order, where a client may choose.
    pub(super) fn page(self, order: Option<Order>) -> Described {
        let limit = shape::with_default(shape::number(1..=LIMIT_MAX as u64), LIMIT_DEFAULT);
        let iterator = shape::any_text();
        let paged = self.query("limit", limit, "How many items a page has.").query(
            "iterator",
            iterator,
            "Where the page begins: `iterator` or `prevIterator` of the answer before.",
        );
        let Some(order) = order else { return paged };
        let default = if order == Order::Ascending { "ascending" } else { "descending" };
        let both = shape::one_of(Type::String, &["ascending", "descending"]);
        paged.query("order", shape::with_default(both, default), "Ascending is oldest first, or by name.")
    }

    /// `true` or `false`.
    pub(super) fn flag(self, name: &str, default: bool, text: &str) -> Described {
        self.query(name, shape::with_default(shape::flag(), default), text)
    }

    /// `before` and `after`.
    pub(super) fn between(self) -> Described {
        self.query("before", shape::instant(), "Only what is older than this.").query(
            "after",
            shape::instant(),
            "Only what is newer than this.",
        )
    }

    /// `channel`.
    pub(super) fn channel(self) -> Described {
        self.query("channel", shape::channel(), "Only messages sent to this channel.")
    }

    /// `event_types`.
    pub(super) fn event_types(mut self) -> Described {
        self.has_input = true;
        let names: Schema = Schema::Array(Array::new(shape::name()));
        let text = "Only messages of these event types: given several times, or separated by commas.";
        let many = ParameterBuilder::from(parameter("event_types", ParameterIn::Query, names, text))
            .style(Some(ParameterStyle::Form))
            .explode(Some(true));
        self.builder = self.builder.parameter(many.build());
        self
    }

    /// A number out of a set.
    pub(super) fn number_of(self, name: &str, allowed: &[u16], text: &str) -> Described {
        self.query(name, shape::one_of(Type::Integer, allowed), text)
    }

    /// A word out of a set.
    pub(super) fn word_of(self, name: &str, allowed: &[&str], text: &str) -> Described {
        self.query(name, shape::one_of(Type::String, allowed), text)
    }

    /// `since` and `until`.
    pub(super) fn since_until(self, since: &str, until: &str) -> Described {
        self.query("since", shape::instant(), since).query("until", shape::instant(), until)
    }

    /// The id or uid of something.
    pub(super) fn id_of(self, name: &str, text: &str) -> Described {
        self.query(name, shape::name(), text)
    }

    /// A header of the request.
    pub(super) fn header(mut self, name: &str, shape: Schema, text: &str) -> Described {
        self.has_input = true;
        self.builder = self.builder.parameter(parameter(name, ParameterIn::Header, shape, text));
        self
    }

    /// It may be sent again with the same key, and happens once.
    pub(super) fn idempotent(self) -> Described {
        let text = "Requests with the same key within 12 hours happen once and get the same answer.";
        let shape = shape::with_pattern(shape::text(1..=KEY_BYTES_MAX), "^[!-~]+$");
        self.header("idempotency-key", shape, text)
    }

    /// It has a body.
    pub(super) fn body(mut self, body: Body) -> Described {
        self.has_input = true;
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(body.name)))
            .example((!body.example.is_empty()).then(|| Value::Object(body.example.clone())))
            .build();
        let required = body.required.clone();
        let request = RequestBodyBuilder::new().required(Some(required)).content(JSON, content).build();
        self.builder = self.builder.request_body(Some(request));
        self.schemas.push((body.name.to_owned(), body.schema().into()));
        self.shared([(400, "BadRequest"), (408, "BodyTimeout"), (413, "BodyTooLarge")])
    }

    // ---- what it answers --------------------------------------------------------------------------------------

    /// An answer with a body.
    pub(super) fn answer<T: ToSchema>(self, status: u16, text: &str) -> Described {
        self.knowing::<T>().answer_named(status, text, &T::name())
    }

    /// A page of these.
    pub(super) fn answer_page<T: ToSchema>(mut self, text: &str) -> Described {
        let name = format!("ListResponse_{}", T::name());
        self.schemas.push((name.clone(), list_schema(&T::name()).into()));
        self.knowing::<T>().answer_named(200, text, &name)
    }

    fn answer_named(self, status: u16, text: &str, schema: &str) -> Described {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        self.respond(status, ResponseBuilder::new().description(text).content(JSON, content).build())
    }

    /// 202 with an empty object.
    pub(super) fn accepted(self, text: &str) -> Described {
        let content = ContentBuilder::new().schema(Some(Object::with_type(Type::Object))).build();
        self.respond(202, ResponseBuilder::new().description(text).content(JSON, content).build())
    }

    /// An answer without a body.
    pub(super) fn empty(self, status: u16, text: &str) -> Described {
        self.respond(status, Response::new(text))
    }

    /// An answer that is not JSON of ours.
    pub(super) fn other(self, media: &str, schema: Schema, text: &str) -> Described {
        self.one_of_forms([(media, schema)], text)
    }

    /// An answer in one of several forms.
    pub(super) fn one_of_forms<const N: usize>(self, forms: [(&str, Schema); N], text: &str) -> Described {
        let mut response = ResponseBuilder::new().description(text);
        for (media, schema) in forms {
            response = response.content(media, ContentBuilder::new().schema(Some(schema)).build());
        }
        self.respond(200, response.build())
    }

    /// Makes a schema known that an answer refers to by its name.
    pub(super) fn knowing<T: ToSchema>(mut self) -> Described {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
        self
    }

    /// 409, with the reason that is special to this operation.
    pub(super) fn conflict(self, text: &str) -> Described {
        self.refused(409, text)
    }

    /// 400, with the reason that is special to this operation.
    pub(super) fn bad_request(self, text: &str) -> Described {
        self.refused(400, text)
    }

    /// A refusal that is special to this operation.
    pub(super) fn refused(self, status: u16, text: &str) -> Described {
        self.answer_named(status, text, "ErrorOut")
    }

    fn respond(mut self, status: u16, response: Response) -> Described {
        self.responses.insert(status, response.into());
        self
    }

    fn shared<const N: usize>(mut self, names: [(u16, &str); N]) -> Described {
        for (status, name) in names {
            self.responses.insert(status, Ref::from_response_name(name).into());
        }
        self
    }

    /// Adds what follows from the rest.
    pub(super) fn finish(self, tag: &str) -> (Operation, Vec<(String, RefOr<Schema>)>) {
        let mut it = self;
        if !it.is_open {
            let errors = [(401, "Unauthorized"), (403, "Forbidden"), (500, "Internal"), (503, "Unavailable")];
            it = it.shared(errors);
            if path_parts(it.path).next().is_some() {
                it = it.shared([(404, "NotFound")]);
            }
            if it.has_input {
                it = it.shared([(422, "Invalid")]);
            }
        }
        let security = if it.is_open {
            Some(Vec::new())
        } else {
            Some(vec![SecurityRequirement::new::<_, [String; 0], String>(BEARER, [])])
        };
        let mut builder = it.builder.tag(tag).securities(security);
        for (status, response) in it.responses {
            builder = builder.response(status.to_string(), response);
        }
        (builder.build(), it.schemas)
    }
}

fn parameter(name: &str, place: ParameterIn, shape: Schema, text: &str) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(text))
        .schema(Some(shape))
        .build()
}

/// What stands in a path. Every name of a part is known here, and the tests walk all paths.
fn path_part(name: &str) -> (Schema, &'static str) {
    let text = match name {
        "app_id" => "Id or uid of the application.",
        "endpoint_id" => "Id or uid of the endpoint.",
        "msg_id" => "Id or eventId of the message.",
        "attempt_id" => "Id of the attempt.",
        "event_type_name" => "Name of the event type.",
        "task_id" => "Id of the task.",
        "bin_id" => "Id or uid of the request bin.",
        "request_id" => "Id or number of the captured request.",
        _ => "",
    };
    (shape::name(), text)
}

/// A header of an answer.
pub(super) fn header(text: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new().schema(Some(shape::any_text())).description(Some(text)).build()
}
