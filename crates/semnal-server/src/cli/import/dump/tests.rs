//! Dumps as several programs write them.

use super::*;
use crate::ultimate_multisite::import::Row;

const MYSQLDUMP: &str = r#"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `wp_posts`;
INSERT INTO `wp_posts` VALUES (1,'it''s; INSERT INTO `wp_wu_webhooks` VALUES (99,\'no\');','a\\'),(2,'--','/*');
DROP TABLE IF EXISTS `wp_wu_webhooks`;
CREATE TABLE `wp_wu_webhooks` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `migrated_from_id` bigint(20) DEFAULT NULL,
  `name` varchar(191) NOT NULL COMMENT 'a, (b)',
  `webhook_url` varchar(191) NOT NULL,
  `event` varchar(40) NOT NULL,
  `event_count` int(10) DEFAULT '0',
  `active` tinyint(4) DEFAULT '1',
  `hidden` tinyint(4) DEFAULT '0',
  `integration` varchar(191) NOT NULL,
  `date_last_failed` datetime NOT NULL,
  `date_created` datetime DEFAULT NULL,
  `date_modified` datetime DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `event` (`event`)
) ENGINE=InnoDB AUTO_INCREMENT=9 DEFAULT CHARSET=utf8mb4;
LOCK TABLES `wp_wu_webhooks` WRITE;
/*!40000 ALTER TABLE `wp_wu_webhooks` DISABLE KEYS */;
INSERT INTO `wp_wu_webhooks` VALUES (1,NULL,'It\'s \"mine\"\n\\ ș','https://a.example/x?y=1&z=2','payment_received',12,0,0,'manual','0000-00-00 00:00:00','2026-05-30 21:36:50','2026-05-30 21:36:50'),(7,3,'It''s; yours','https://b.example/','customer_created',0,1,1,'zapier','0000-00-00 00:00:00',NULL,NULL);
/*!40000 ALTER TABLE `wp_wu_webhooks` ENABLE KEYS */;
UNLOCK TABLES;
"#;

fn rows(dump: &str) -> Vec<Row> {
    let parsed = parse(dump.as_bytes()).unwrap();
    assert_eq!(parsed.broken, []);
    parsed.rows
}

/// Reads one row of the whole table and returns its name.
fn name(value: &str) -> String {
    let dump = format!("insert into wu_webhooks (id, name) values (1, {value});");
    rows(&dump).remove(0).name
}

#[test]
fn a_dump_of_mysqldump_is_read() {
    let found = rows(MYSQLDUMP);
    assert_eq!(found.len(), 2);
    let first = Row {
        id: 1,
        name: "It's \"mine\"\n\\ ș".into(),
        url: "https://a.example/x?y=1&z=2".into(),
        event: "payment_received".into(),
        integration: "manual".into(),
        active: false,
        hidden: false,
        event_count: 12,
        migrated_from: 0,
        date_created: "2026-05-30 21:36:50".into(),
    };
    assert_eq!(found[0], first);
    let second = &found[1];
    assert_eq!((second.id, second.name.as_str(), second.migrated_from), (7, "It's; yours", 3));
    assert!(
        second.active && second.hidden && second.integration == "zapier" && second.date_created.is_empty()
    );
}

#[test]
fn a_dump_of_phpmyadmin_names_its_columns_in_any_order_and_has_several_statements() {
    let dump = "
# phpMyAdmin SQL Dump
SET SQL_MODE = \"NO_AUTO_VALUE_ON_ZERO\";
CREATE TABLE IF NOT EXISTS `main`.`x7_2_wu_webhooks` (`id` int, `name` text) ENGINE=MyISAM;
INSERT INTO `main`.`x7_2_wu_webhooks` (`event`, `id`, `webhook_url`, `active`) VALUES
('domain_created', 3, 'https://c.example/', 1),
('site_published', '4', 'https://d.example/', '0');
INSERT IGNORE INTO x7_2_wu_webhooks (id, event) VALUES (5, 'a');
REPLACE INTO `x7_2_wu_webhooks` (`id`, `event`) VALUE (6, 'b') ON DUPLICATE KEY UPDATE id = 1;
INSERT INTO \"x7_2_wu_webhooks\" (\"id\", \"event\") VALUES (8, 'c');
INSERT INTO `x7_2_wu_webhooks_old` (`id`) VALUES (77);
";
    let found: Vec<(u32, String, bool)> =
        rows(dump).into_iter().map(|it| (it.id, it.event, it.active)).collect();
    let expected = [
        (3, "domain_created", true),
        (4, "site_published", false),
        (5, "a", true),
        (6, "b", true),
        (8, "c", true),
    ];
    assert_eq!(found, expected.map(|(id, event, active)| (id, event.to_owned(), active)));
}

#[test]
fn values_are_read_in_every_form() {
    for (value, expected) in [
        ("'a\\'b'", "a'b"),
        ("'a''b'", "a'b"),
        ("\"a\\\"b\"", "a\"b"),
        ("'\\\\'", "\\"),
        ("'a\\%b\\_'", "a\\%b\\_"),
        ("'a\\tb'", "a\tb"),
        ("NULL", ""),
        ("_utf8mb4 'ș'", "ș"),
        ("_binary 'x'", "x"),
        ("N'x'", "x"),
        ("0x7075", "pu"),
        ("x'7075'", "pu"),
        ("b'101'", "5"),
        ("-7", "-7"),
        ("1.5e3", "1.5e3"),
        ("/* c */ 'x' -- y\n", "x"),
    ] {
        assert_eq!(name(value), expected, "{value}");
    }
}

#[test]
fn a_dump_without_columns_has_those_of_the_original() {
    let dump =
        "insert into wp_wu_webhooks values (2,null,'n','https://a.example/','e',1,1,0,'zapier','','','');";
    let found = rows(dump).remove(0);
    assert_eq!((found.id, found.event.as_str(), found.integration.as_str()), (2, "e", "zapier"));
}

#[test]
fn a_row_without_a_number_is_named_and_one_that_comes_twice_is_taken_once() {
    let dump =
        "insert into wu_webhooks (id, name) values (0, 'none'), (4294967296, 'large'), (1, 'a'), (1, 'b');";
    let parsed = parse(dump.as_bytes()).unwrap();
    assert_eq!(parsed.rows.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(parsed.broken.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["none", "large"]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (dump, expected) in [
        ("select 1;", "no table …wu_webhooks"),
        ("", "no table …wu_webhooks"),
        ("\n\ninsert into wu_webhooks (id, name) values (1);", "line 3: a row has 1 values for 2 columns"),
        ("insert into wu_webhooks (id) values (1", "followed by something else"),
        ("insert into wu_webhooks (id) values ('1);", "line 1: a text has no end"),
        ("insert into wu_webhooks (id) select 1;", "VALUES is missing"),
        ("insert into wu_webhooks (id) values (now());", "\"now\" is no value"),
        ("insert into wu_webhooks (id) values (,);", "a value is missing"),
        ("/* never", "a comment has no end"),
    ] {
        let why = parse(dump.as_bytes()).unwrap_err();
        assert!(why.contains(expected), "{dump}: {why}");
    }
}

#[test]
fn any_cut_of_a_dump_is_read_or_refused_without_a_panic() {
    for end in 0..MYSQLDUMP.len() {
        if let Ok(parsed) = parse(&MYSQLDUMP.as_bytes()[..end]) {
            assert!(parsed.rows.len() <= 2);
        }
    }
    for byte in 0..=255u8 {
        let dump = [&[byte], MYSQLDUMP.as_bytes(), &[byte; 3]].concat();
        if let Ok(parsed) = parse(&dump) {
            assert!(parsed.rows.len() <= 2);
        }
    }
}

#[test]
fn the_webhooks_of_two_networks_are_not_mixed() {
    let one = "INSERT INTO `wp_wu_webhooks` VALUES (1,NULL,'a','https://a.example/','a',0,1,0,'','','','');";
    let other = one.replace("wp_wu", "wpstg0_wu");
    assert_eq!(rows(&format!("{one}{one}")).len(), 1);
    let why = parse(format!("{one}{other}").as_bytes()).unwrap_err();
    assert!(why.contains("wp_wu_webhooks") && why.contains("wpstg0_wu_webhooks"), "{why}");
    assert_eq!(rows(&format!("CREATE TABLE wpstg0_wu_webhooks (name text);{one}"))[0].name, "a");
}
