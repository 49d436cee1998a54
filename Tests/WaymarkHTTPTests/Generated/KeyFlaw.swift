import Foundation

/// What can be wrong with a request before its body is looked at.
enum KeyFlaw: String, CaseIterable {
    case missing, twice, empty, emptyQuoted, tooLong, tooLongQuoted, unterminated, trailing, badEscape, notASCII,
        control
    case noCaller, emptyCaller, longCaller, callerWithControl, type, unknownSaga, unknownRoute, formForSaga

    var status: Int {
        switch self {
        case .noCaller: 401
        case .type, .formForSaga: 415
        case .unknownSaga, .unknownRoute: 404
        default: 400
        }
    }

    var field: String? {
        switch self {
        case .noCaller, .unknownRoute: nil
        case .emptyCaller, .longCaller, .callerWithControl: "scope"
        case .type, .formForSaga: "Content-Type"
        case .unknownSaga: "saga"
        default: "Idempotency-Key"
        }
    }
}

extension RequestGenerator {
    mutating func flawed(_ flaw: KeyFlaw) -> GeneratedRequest {
        var request = good()
        request.kind = "key: \(flaw.rawValue)"
        request.expectation = .refusal(flaw.status, field: flaw.field)
        let filler = String(repeating: pick(["k", "~", " x"]), count: 300)
        switch flaw {
        case .missing: request.keys = []
        case .twice: request.keys = [request.key, pick([request.key, "other"])]
        case .empty: request.keys = [pick(["", " ", "\t"])]
        case .emptyQuoted: request.keys = ["\"\""]
        case .tooLong: request.keys = ["k" + filler.prefix(254) + "k"]
        case .tooLongQuoted: request.keys = ["\"k" + filler.prefix(254) + "k\""]
        case .unterminated: request.keys = [pick(["\"abc", "\"", "\"abc\\\"", "\"a\\"])]
        case .trailing: request.keys = [pick(["\"abc\"x", "\"abc\";a=1", "\"a\", \"b\"", "\"a\"\"b\""])]
        case .badEscape: request.keys = [pick(["\"a\\n\"", "\"\\u0041\"", "\"a\\ \""])]
        case .notASCII: request.keys = [pick(["schlüssel", "\"é\"", "x\u{1F600}"])]
        case .control: request.keys = ["a\tb"]
        case .noCaller: request.caller = nil
        case .emptyCaller: request.caller = ""
        case .longCaller: request.caller = "c" + filler
        case .callerWithControl: request.caller = "a\tb"
        case .type:
            request.type = pick([
                "text/plain", "", "application/xml", "application/json5", "*/*", ";", "\u{E9}", "json",
            ])
        case .unknownSaga:
            request.path = "/sagas/" + pick(["nope", "declare", "Declare-Goods", "%64eclare-goods", "'", "%00"])
        case .unknownRoute: request.path = pick(["/", "/nope", "/sagas", "/sagas/a/b", "/goods/1"])
        case .formForSaga:
            request.path = "/sagas/declare-goods"
            request.type = "application/x-www-form-urlencoded"
            request.setBody("amount=1")
        }
        return request
    }
}
