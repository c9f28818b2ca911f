//! Users of the console, their sessions, and the links that set a password.

use semnal_core::account::{AccountChange, PasswordLink, PortalGrant, Session, SessionOwner, User};
use semnal_core::configuration::Change;
use semnal_core::id::{Key, OrganisationId, UserId};
use semnal_core::name::EventTypeName;
use semnal_core::portal::Capability;
use semnal_core::time::UnixMillis;

use crate::fixture::{START, World};

on_every_backend! {
    users_sessions_and_links_survive_a_crash,
    what_is_ended_or_used_up_stays_so_after_a_crash,
    a_deleted_application_ends_the_sessions_of_its_portal,
    a_session_does_not_make_messages_match_again,
    a_key_after_a_restart_is_above_every_user,
}

fn user(id: i64) -> User {
    User {
        id: UserId(Key(id)),
        organisation: OrganisationId(Key(1)),
        name: "ana@exemplu.ro".into(),
        password: "$argon2id$…".into(),
        created_at: START,
        updated_at: START,
    }
}

fn session(byte: u8, owner: SessionOwner) -> Session {
    let expires_at = UnixMillis(START.0 + 9);
    Session { digest: [byte; 32], owner, created_at: START, seen_at: START, expires_at }
}

fn link(byte: u8, user: Option<UserId>) -> PasswordLink {
    PasswordLink { digest: [byte; 32], user, expires_at: UnixMillis(START.0 + 5) }
}

async fn apply(world: &World, changes: impl IntoIterator<Item = AccountChange>) {
    world.apply(changes.into_iter().map(|it| Change::Account(Box::new(it))).collect()).await;
}

async fn users_sessions_and_links_survive_a_crash(world: World) {
    let application = world.application().await;
    let grant = PortalGrant {
        application,
        capabilities: [Capability::ViewBase, Capability::CreateAttempts].into(),
        feature_flags: Some([EventTypeName::parse("beta").unwrap()].into()),
        fingerprint: [200; 16],
        issued: Some(Key(8)),
        session: Some("ș 1".into()),
    };
    let all = PortalGrant { feature_flags: None, issued: None, session: None, ..grant.clone() };
    let sessions = [
        session(1, SessionOwner::User(UserId(Key(7)))),
        session(2, SessionOwner::Portal(Box::new(grant))),
        session(3, SessionOwner::Portal(Box::new(all))),
    ];
    let links = [link(4, None), link(5, Some(UserId(Key(7))))];
    apply(&world, [AccountChange::PutUser(user(7))]).await;
    apply(&world, sessions.iter().cloned().map(AccountChange::PutSession)).await;
    apply(&world, links.iter().cloned().map(AccountChange::PutLink)).await;
    let world = world.crash();
    let found = world.store.configuration();
    assert_eq!(**found.accounts().user_by_name("Ana@Exemplu.RO").unwrap(), user(7));
    for it in &sessions {
        assert_eq!(**found.accounts().session(&it.digest).unwrap(), *it);
    }
    for it in &links {
        assert_eq!(found.accounts().link(&it.digest, START).unwrap(), it);
    }
}

async fn what_is_ended_or_used_up_stays_so_after_a_crash(world: World) {
    apply(
        &world,
        [
            AccountChange::PutUser(user(7)),
            AccountChange::PutSession(session(1, SessionOwner::User(UserId(Key(7))))),
            AccountChange::PutSession(session(2, SessionOwner::User(UserId(Key(7))))),
            AccountChange::PutLink(link(3, None)),
        ],
    )
    .await;
    let later =
        Session { seen_at: UnixMillis(START.0 + 1), ..session(2, SessionOwner::User(UserId(Key(7)))) };
    let changed = User { password: "another".into(), ..user(7) };
    apply(
        &world,
        [
            AccountChange::DeleteSession([1; 32]),
            AccountChange::PutSession(later.clone()),
            AccountChange::DeleteLink([3; 32]),
            AccountChange::PutUser(changed.clone()),
        ],
    )
    .await;
    let world = world.crash();
    let found = world.store.configuration();
    assert!(found.accounts().session(&[1; 32]).is_none());
    assert_eq!(**found.accounts().session(&[2; 32]).unwrap(), later);
    assert!(found.accounts().link(&[3; 32], START).is_none());
    assert_eq!(**found.accounts().user(changed.id).unwrap(), changed);
}

async fn a_deleted_application_ends_the_sessions_of_its_portal(world: World) {
    let application = world.application().await;
    let grant = PortalGrant {
        application,
        capabilities: [Capability::ViewBase].into(),
        feature_flags: None,
        fingerprint: [1; 16],
        issued: None,
        session: None,
    };
    let portal = session(1, SessionOwner::Portal(Box::new(grant)));
    let of_user = session(2, SessionOwner::User(UserId(Key(7))));
    apply(&world, [portal, of_user].map(AccountChange::PutSession)).await;
    world.apply(vec![Change::DeleteApplication(application)]).await;
    let left = |world: &World| -> Vec<u8> {
        world.store.configuration().accounts().sessions().map(|it| it.digest[0]).collect()
    };
    assert_eq!(left(&world), [2]);
    assert_eq!(left(&world.crash()), [2]);
}

async fn a_session_does_not_make_messages_match_again(world: World) {
    let before = world.store.configuration().version;
    apply(&world, [AccountChange::PutSession(session(1, SessionOwner::User(UserId(Key(7)))))]).await;
    let after = world.store.configuration();
    assert!(after.accounts().session(&[1; 32]).is_some());
    assert_eq!(after.version, before);
}

async fn a_key_after_a_restart_is_above_every_user(world: World) {
    let id = world.store.next_key().0 + 1_000_000;
    apply(&world, [AccountChange::PutUser(user(id))]).await;
    assert!(world.crash().store.next_key().0 > id);
}
