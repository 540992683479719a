//! Tokens that are got for the key, as a client sees them.

use std::time::Duration;

use super::Mock;

#[tokio::test]
async fn the_key_opens_a_token_and_the_token_everything_else() {
    let mock = Mock::start(|options| options.api_key = Some("s3cret".into())).await;
    for (headers, status) in [
        ("", 401),
        ("x-api-key: wrong\r\n", 401),
        ("authorization: Basic eDp3cm9uZw==\r\n", 401),
        ("authorization: Basic not base64\r\n", 401),
        ("x-api-key: s3cret\r\n", 200),
        ("authorization: Bearer s3cret\r\n", 200),
        // x:s3cret
        ("authorization: Basic eDpzM2NyZXQ=\r\n", 200),
    ] {
        assert_eq!(mock.ask("POST", "/token", headers, "").await.status, status, "{headers}");
    }
    let token = token(&mock).await;
    for path in ["/v1/pools", "/api/v1/pools"] {
        let header = format!("authorization: Bearer {token}\r\n");
        assert_eq!(mock.ask("GET", path, &header, "").await.status, 200, "{path}");
        let header = format!("authorization: Bearer {token}0\r\n");
        assert_eq!(mock.ask("GET", path, &header, "").await.status, 401, "{path}");
    }
    mock.stop().await;
}

#[tokio::test]
async fn a_token_that_is_over_opens_nothing() {
    let mock = Mock::start(|options| {
        options.api_key = Some("s3cret".into());
        options.token_life = Duration::ZERO;
    })
    .await;
    let header = format!("authorization: Bearer {}\r\n", token(&mock).await);
    assert_eq!(mock.ask("GET", "/v1/pools", &header, "").await.status, 401);
    mock.stop().await;
}

async fn token(mock: &Mock) -> String {
    let answer = mock.ask("POST", "/token", "x-api-key: s3cret\r\n", "").await;
    assert!(answer.head.contains("cache-control: no-store\r\n"), "{}", answer.head);
    answer.json()["access_token"].as_str().expect("a token").into()
}
