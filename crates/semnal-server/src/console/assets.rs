//! The stylesheet, the script, the icons: part of the binary, under names that change with their content, so that a
//! browser keeps them for a year and never shows an old one.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::Console;

/// The stylesheet, in the order of the cascade.
const STYLE: &str = concat!(
    include_str!("../../assets/css/tokens.css"),
    include_str!("../../assets/css/base.css"),
    include_str!("../../assets/css/frame.css"),
    include_str!("../../assets/css/controls.css"),
    include_str!("../../assets/css/parts.css"),
    include_str!("../../assets/css/webhooks.css"),
    include_str!("../../assets/css/deliveries.css"),
    include_str!("../../assets/css/bins.css"),
);
/// The script: one module, made of the files that follow each other.
const SCRIPT: &str = concat!(
    include_str!("../../assets/js/core.js"),
    include_str!("../../assets/js/keyboard.js"),
    include_str!("../../assets/js/webhooks.js"),
    include_str!("../../assets/js/deliveries.js"),
    include_str!("../../assets/js/bins.js"),
);
const ICONS: &str = include_str!("../../assets/icons.svg");
const FAVICON: &str = include_str!("../../assets/favicon.svg");
/// 12 characters of a hash tell versions apart.
const HASH_CHARACTERS: usize = 12;

/// A file that browsers fetch.
struct Asset {
    name: String,
    kind: HeaderValue,
    body: Bytes,
}

/// Every asset, and their paths for templates.
pub(crate) struct Assets {
    files: Vec<Asset>,
    /// The stylesheet's path.
    pub(crate) style: String,
    /// The script's path.
    pub(crate) script: String,
    /// The sprite's path.
    pub(crate) icons: String,
    /// The small picture of the browser's tab.
    pub(crate) favicon: String,
}

impl Assets {
    pub(crate) fn new() -> Assets {
        let file = |stem: &str, ending: &str, kind: &'static str, text: &'static str| {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
            let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            let name = format!("{stem}-{}.{ending}", &hash[..HASH_CHARACTERS]);
            Asset { name, kind: HeaderValue::from_static(kind), body: Bytes::from_static(text.as_bytes()) }
        };
        let files = vec![
            file("console", "css", "text/css; charset=utf-8", STYLE),
            file("console", "js", "text/javascript; charset=utf-8", SCRIPT),
            file("icons", "svg", "image/svg+xml", ICONS),
            file("favicon", "svg", "image/svg+xml", FAVICON),
        ];
        let path = |at: usize| format!("/assets/{}", files[at].name);
        let (style, script, icons, favicon) = (path(0), path(1), path(2), path(3));
        Assets { style, script, icons, favicon, files }
    }
}

/// `GET /assets/{name}`
pub(super) async fn get(State(console): State<Arc<Console>>, Path(name): Path<String>) -> Response {
    let Some(asset) = console.assets.files.iter().find(|it| it.name == name) else {
        return (StatusCode::NOT_FOUND, "no such file").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.kind.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, asset.body.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 25 kB for the whole script (DESIGN 7).
    const SCRIPT_BYTES_MAX: usize = 25_000;

    #[test]
    fn the_script_stays_small() {
        assert!(SCRIPT.len() <= SCRIPT_BYTES_MAX, "{} bytes", SCRIPT.len());
    }

    #[test]
    fn every_icon_that_is_used_exists() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut texts = vec![SCRIPT.to_owned()];
        for directory in ["templates", "src/console"] {
            for entry in std::fs::read_dir(root.join(directory)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    texts.push(std::fs::read_to_string(path).unwrap());
                }
            }
        }
        let named = texts.iter().flat_map(|text| {
            ["icon(page, \"", "icon: \""]
                .into_iter()
                .flat_map(|call| text.split(call).skip(1))
                .map(|rest| rest.split('"').next().unwrap().to_owned())
        });
        for name in named {
            assert!(ICONS.contains(&format!("id=\"{name}\"")), "there is no icon {name:?}");
        }
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere_or_written_into_elements() {
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("//cdn") && !text.contains("https://") && !text.contains("@import"));
        }
        assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("eval("));
    }
}
