import Foundation
import Testing

@testable import Waymark

@Suite struct AnswerTests {
    @Test func aRejectionIsAProblemDocument() {
        let rejection = Rejection(
            status: 402,
            type: "card_declined",
            title: "The card was declined.",
            detail: "Ask \"your\" bank / us."
        )
        #expect(rejection.status == 402)
        #expect(
            rejection.body
                == #"{"detail":"Ask \"your\" bank / us.","status":402,"title":"The card was declined.","type":"card_declined"}"#
        )
        #expect(
            Rejection(status: 599, type: "t", title: "é").body == #"{"status":599,"title":"é","type":"t"}"#
        )
    }

    @Test func aRejectionCanHaveABodyOfItsOwn() throws {
        struct Body: Encodable { let seats: [Int] }
        #expect(try Rejection(status: 400, body: Body(seats: [3, 4])).body == #"{"seats":[3,4]}"#)
        #expect(throws: EncodingError.self) { try Rejection(status: 400, body: ["ratio": Double.nan]) }
    }

    @Test func aStoredRejectionComesBackAsItWas() {
        let rejection = Rejection(status: 409, type: "sold_out", title: "Sold out.")
        #expect(Rejection(status: rejection.status, json: rejection.body) == rejection)
    }

    @Test(arguments: [200, 302, 399, 600, 0, -1])
    func aStatusThatIsNoErrorBecomes500(status: Int) {
        let rejection = Rejection(status: status, type: "t", title: "t")
        #expect(rejection.status == 500)
        #expect(rejection.body.contains(#""status":500"#))
    }

    @Test func transientErrorsSayWhy() {
        let error = TransientError("the gateway answered 503", retryAfter: .seconds(7))
        #expect(error.description == "the gateway answered 503")
        #expect(error.retryAfter == .seconds(7))
        #expect(TransientError("down").retryAfter == nil)
    }

    @Test func errorsNameTheirField() {
        #expect(
            WaymarkError(.invalidField, "must be positive", field: "origin.lat").description
                == "invalid_field: origin.lat: must be positive"
        )
        #expect(WaymarkError(.stopping, "bye").description == "stopping: bye")
    }

    /// Stored with parked keys.
    @Test func parkedReasonsKeepTheirNames() {
        #expect(
            ParkedReason.allCases.map(\.rawValue)
                == [
                    "attempts_exhausted", "horizon_passed", "unreadable_state", "outcome_unknown", "unstorable_output",
                    "constraint_violated", "lasting_error",
                ]
        )
    }

    @Test func directionsKeepTheirNames() {
        #expect(Direction(rawValue: "forward") == .forward)
        #expect(Direction(rawValue: "compensating") == .compensating)
    }
}
