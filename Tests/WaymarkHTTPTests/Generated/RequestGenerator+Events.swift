extension RequestGenerator {
    /// The request that waits under one of the keys that events are sent to.
    static func waiting(_ number: Int) -> GeneratedRequest {
        var request = GeneratedRequest(keys: ["waiting-\(number)"], key: "waiting-\(number)", body: [], kind: "waiting")
        request.path = "/sagas/await-seal"
        request.setBody(#"{"amount":1,"exact":1,"weight":1,"count":1,"note":""}"#)
        return request
    }

    /// An event for one of them: two may come with different payloads, so the later one conflicts.
    mutating func event() -> GeneratedRequest {
        var request = Self.waiting(Int.random(in: 0..<Self.waitingKeys, using: &random))
        request.kind = "event"
        request.path = "/sagas/await-seal/events/" + pick(["sealed", "%73ealed"])
        request.setBody(pick([#"{"by":"jo"}"#, #"{ "by" : "\u006ao" }"#, #"{"by":"bo"}"#]))
        switch Int.random(in: 0..<8, using: &random) {
        case 0: break
        case 1: refuse(&request, 404, "Idempotency-Key") { request, _ in request.keys = ["no-such-key"] }
        case 2:
            refuse(&request, 404, "event") {
                $0.path = "/sagas/await-seal/events/" + ["nope", "%00", "sealed%5B1%5D", "'"][$1]
            }
        case 3:
            refuse(&request, 404, "saga") {
                $0.path = "/sagas/" + ["declare-goods", "nope", "%27", "x"][$1] + "/events/sealed"
            }
        case 4:
            refuse(&request, 400, "by") {
                $0.setBody([#"{"by":7}"#, "{}", #"{"by":"\u0000"}"#, #"{"by":"a","by":"b"}"#][$1])
            }
        case 5: refuse(&request, 400, "body") { $0.setBody(["", "jo", "[]", "\u{FEFF}{}"][$1]) }
        case 6:
            refuse(&request, 415, "Content-Type") {
                $0.type = ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""][$1]
            }
        default: refuse(&request, 401, nil) { request, _ in request.caller = nil }
        }
        return request
    }

    /// - Parameter spoil: gets a number from 0 to 3.
    private mutating func refuse(
        _ request: inout GeneratedRequest, _ status: Int, _ field: String?,
        _ spoil: (inout GeneratedRequest, Int) -> Void
    ) {
        spoil(&request, Int.random(in: 0..<4, using: &random))
        request.kind = "event: refused \(status) \(field ?? "")"
        request.expectation = .refusal(status, field: field)
    }
}
