import Foundation

/// What a request is answered with.
struct Reply: Codable, Sendable, Equatable {
    var status: Int
    /// JSON.
    var body: String
    /// Said in a header; not part of what is remembered.
    var isReplayed = false

    enum CodingKeys: String, CodingKey {
        case status, body
    }
}

extension Reply {
    init(status: Int, _ value: some Encodable) {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Our own types of strings and numbers: that they can be encoded is no matter of luck.
        let data = (try? encoder.encode(value)) ?? Data("{}".utf8)
        self.init(status: status, body: String(decoding: data, as: UTF8.self))
    }

    /// An error in the shape of Stripe's.
    static func error(
        _ status: Int,
        type: String,
        code: String? = nil,
        param: String? = nil,
        declineCode: String? = nil,
        _ message: String
    ) -> Reply {
        struct Envelope: Encodable {
            let error: Details
        }
        struct Details: Encodable {
            let type: String
            let code: String?
            let param: String?
            let declineCode: String?
            let message: String
        }
        let details = Details(type: type, code: code, param: param, declineCode: declineCode, message: message)
        return Reply(status: status, Envelope(error: details))
    }

    /// A request that can never be right.
    static func invalid(_ message: String, param: String? = nil, code: String? = nil, status: Int = 400) -> Reply {
        .error(status, type: "invalid_request_error", code: code, param: param, message)
    }

    static let unauthorized = invalid(
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth.",
        status: 401
    )

    static let declined = error(
        402,
        type: "card_error",
        code: "card_declined",
        declineCode: "generic_decline",
        "Your card was declined."
    )

    static let keyInUse = error(
        409,
        type: "idempotency_error",
        code: "idempotency_key_in_use",
        "There is currently another in-progress request using this Idempotency-Key. Please try again later."
    )

    static let keyMismatch = error(
        400,
        type: "idempotency_error",
        "Keys for idempotent requests can only be used with the same endpoint and parameters they were first used with."
    )

    static let insufficientFunds = error(
        402,
        type: "account_error",
        code: "insufficient_funds",
        param: "account",
        "The account has insufficient funds."
    )

    static let notCarried = error(
        422,
        type: "carrier_error",
        code: "not_carried",
        param: "description",
        "We do not carry this, or not there."
    )

    static let statementUnavailable = error(
        503,
        type: "api_error",
        code: "statement_unavailable",
        "The statement cannot be had at present. This says nothing about whether there are withdrawals."
    )

    static let cannotTell = error(
        409,
        type: "invalid_request_error",
        code: "cannot_tell",
        "The bank cannot tell whether there are withdrawals. Asking again does not help."
    )

    static let broken = error(500, type: "api_error", "An unknown error occurred.")
}
