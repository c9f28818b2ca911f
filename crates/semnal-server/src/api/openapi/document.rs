//! The document as a whole: what is said once for all operations, and the operations by the tags that they stand
//! under.

use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, Object, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ComponentsBuilder, ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder,
    PathItem, PathsBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Tag,
};

use super::super::error::{ErrorOut, ValidationOut};
use super::operation::{Described, header};
use super::shape;

/// The name of the one security scheme.
pub(super) const BEARER: &str = "bearer";

const ABOUT: &str = "Events in, signed webhook requests out. Send a key with every request: \
`authorization: Bearer <key>`; `semnal keys create --name mine` makes one. Bodies are JSON. A path may end with a \
slash. Where a path has an id, the uid of the thing does too. Unknown fields and parameters are ignored. Errors have \
the form `{code, detail}`; what is wrong with the fields of a request is all in one answer, 422 \
`{detail: [{loc, msg, type}]}`.";

/// The operations under their tags.
pub(super) struct Document {
    tags: Vec<Tag>,
    paths: PathsBuilder,
    schemas: Vec<(String, RefOr<Schema>)>,
}

/// Operations that stand together.
pub(super) struct Group<'a> {
    document: &'a mut Document,
    tag: &'static str,
}

impl Document {
    pub(super) fn new() -> Document {
        Document { tags: Vec::new(), paths: PathsBuilder::new(), schemas: Vec::new() }
    }

    /// Begins a group, or goes on with the one of this name.
    pub(super) fn group(&mut self, tag: &'static str, text: &str) -> Group<'_> {
        if self.tags.iter().all(|it| it.name != tag) {
            self.tags.push(TagBuilder::new().name(tag).description(Some(text)).build());
        }
        Group { document: self, tag }
    }

    /// Returns the whole.
    pub(super) fn finish(mut self) -> OpenApi {
        for (name, schema) in [schema_of::<ErrorOut<'static>>(), schema_of::<ValidationOut<'static>>()] {
            self.schemas.push((name, schema));
        }
        ErrorOut::schemas(&mut self.schemas);
        ValidationOut::schemas(&mut self.schemas);
        let info = InfoBuilder::new()
            .title("Semnal")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(ABOUT))
            .license(Some(LicenseBuilder::new().name(env!("CARGO_PKG_LICENSE")).build()))
            .build();
        let components = components(self.schemas);
        OpenApiBuilder::new()
            .info(info)
            .tags(Some(self.tags))
            .paths(self.paths.build())
            .components(Some(components))
            .build()
    }
}

impl Group<'_> {
    /// Adds an operation.
    pub(super) fn add(&mut self, it: Described) -> &mut Self {
        let (method, path) = (it.method.clone(), it.path);
        let (operation, schemas) = it.finish(self.tag);
        let paths = std::mem::take(&mut self.document.paths);
        self.document.paths = paths.path(path, PathItem::new(method, operation));
        self.document.schemas.extend(schemas);
        self
    }
}

fn schema_of<T: ToSchema>() -> (String, RefOr<Schema>) {
    (T::name().into_owned(), T::schema())
}

fn components(mut schemas: Vec<(String, RefOr<Schema>)>) -> Components {
    schemas.sort_by(|(a, _), (b, _)| a.cmp(b));
    let is_one_thing = |pair: &[(String, RefOr<Schema>)]| pair[0].0 != pair[1].0 || pair[0].1 == pair[1].1;
    debug_assert!(schemas.windows(2).all(is_one_thing), "two schemas have one name");
    let mut components = ComponentsBuilder::new();
    for (name, schema) in schemas {
        let is_answer = !name.ends_with("In") && !name.ends_with("Patch");
        components = components.schema(name, if is_answer { always_whole(schema) } else { schema });
    }
    for (name, response) in errors() {
        components = components.response(name, response);
    }
    let key = "A key of `semnal keys create`, or a token signed with the server's SEMNAL_JWT_SECRET.";
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(key)).build();
    components.security_scheme(BEARER, SecurityScheme::Http(scheme)).build()
}

/// An answer has all of its fields; what there is nothing to say about is null.
fn always_whole(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.required = object.properties.keys().cloned().collect();
            Schema::Object(object).into()
        }
        RefOr::T(Schema::AllOf(mut all)) => {
            all.items = all.items.into_iter().map(always_whole).collect();
            Schema::AllOf(all).into()
        }
        other => other,
    }
}

/// The answers that many operations share.
fn errors() -> [(&'static str, Response); 10] {
    let problem = |text: &str| error(text, "ErrorOut");
    let key = "The caller is unknown: no key, or one that is mistyped, expired or revoked.";
    let later = "It cannot be done now, and nothing was stored: `storage_full`, `views_building`, `bins_unavailable` \
                 or `unavailable`. \
                 Try again after the seconds that `retry-after` says.";
    [
        ("BadRequest", problem("The body is not JSON, or ended too early.").build()),
        ("Unauthorized", problem(key).header("www-authenticate", header("`Bearer`")).build()),
        ("Forbidden", problem("The caller is known, but may not do this.").build()),
        ("NotFound", problem("There is no such thing among those that the caller sees.").build()),
        ("BodyTimeout", problem("The body did not arrive in time.").build()),
        ("Conflict", problem("It contradicts what there is.").build()),
        ("BodyTooLarge", problem("The body is larger than the server takes (1 MiB unless set).").build()),
        ("Invalid", error("Fields or parameters are wrong; all of them are named.", "ValidationOut").build()),
        ("Internal", problem("The server failed; its log says why.").build()),
        ("Unavailable", problem(later).header("retry-after", header("Seconds.")).build()),
    ]
}

fn error(text: &str, schema: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    ResponseBuilder::new().description(text).content("application/json", content)
}

/// The schema of a page of a list.
pub(super) fn list_schema(item: &str) -> Schema {
    let text = || shape::or_null(shape::any_text());
    let mut object = Object::with_type(Type::Object);
    let fields: [(&str, RefOr<Schema>); 4] = [
        ("data", Schema::Array(Array::new(Ref::from_schema_name(item))).into()),
        ("iterator", shape::described(text(), "Where the next page begins.").into()),
        (
            "prevIterator",
            shape::described(text(), "Where the previous page ends; null when this is the first.").into(),
        ),
        ("done", shape::described(shape::flag(), "Whether nothing follows.").into()),
    ];
    for (name, schema) in fields {
        object.properties.insert(name.to_owned(), schema);
    }
    object.into()
}

/// Returns the names in the braces of a path.
pub(super) fn path_parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}
