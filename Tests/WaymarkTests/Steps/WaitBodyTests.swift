import Foundation
import Testing

@testable import Waymark

/// What steps that wait make of what they waited for.
@Suite struct WaitBodyTests {
    private struct NoSuchBody: Error {}

    private struct Resting: Saga {
        static let name = "resting"
        var body: some Step<Int, Int> {
            SleepUntil("until", Self.date)
            phase("a")
            Sleep("for", for: .hours(2))
            phase("z")
        }

        static func date(_ seconds: Int) -> Date { Date(timeIntervalSince1970: Double(seconds)) }
    }

    @Test(arguments: [(0, Wake.at(Date(timeIntervalSince1970: 7))), (2, .after(.hours(2)))])
    func whenASleeperWakes(index: Int, expected: Wake) throws {
        let step = try SagaDeclaration(Resting()).steps[index]
        guard case .sleep(let wake) = step.body else { throw NoSuchBody() }
        #expect(wake(7) == expected)
        #expect(
            (step.inputType, step.outputType, step.kind) == ("Int", "Int", .sleep(for: index == 0 ? nil : .hours(2))))
    }

    /// A sleeping step has no condition, but passes its input on like one that is skipped.
    @Test(arguments: [0, 2])
    func aSleeperPassesItsInputOn(index: Int) throws {
        let step = try SagaDeclaration(Resting()).steps[index]
        #expect(!step.isConditional)
        #expect(try step.skip?(7).json == "7")
    }

    private struct Approval: Codable, Sendable { var by: String }
    private struct Approved: Saga {
        static let name = "approved"
        var body: some Step<Int, String> {
            WaitFor("approved", event: Approval.self, timeout: .days(3)) { (amount: Int, approval: Approval?) in
                guard let approval else { throw Rejection(status: 403, type: "too_late", title: "Nobody approved.") }
                return "\(amount) by \(approval.by)"
            }
        }
    }

    private func waiting() throws -> (DeclaredStep, EventBody) {
        let step = try SagaDeclaration(Approved()).steps[0]
        guard case .wait(let body) = step.body else { throw NoSuchBody() }
        return (step, body)
    }

    @Test func anEventIsReadAndReceived() throws {
        let (step, body) = try waiting()
        #expect((step.timeout, step.kind, body.eventType) == (.days(3), .wait, "Approval"))
        let event = try body.decode(JSONValue(parsing: #"{"by":"Ada"}"#))
        #expect(try body.receive(7, event).json == #""7 by Ada""#)
        #expect(throws: DecodingError.self) { try body.decode(JSONValue(parsing: #"{"from":"Ada"}"#)) }
    }

    @Test func withoutAnEventTheTimeIsOver() throws {
        let (_, body) = try waiting()
        #expect(throws: Rejection.self) { try body.receive(7, nil) }
    }

    @Test func aChildIsAskedAndAnswers() throws {
        struct Parent: Saga {
            static let name = "parent"
            var body: some Step<Int, String> {
                Child("booked", BookRide.self, request: { (rider: Int) in RideRequest(rider: rider, destination: "x") })
                {
                    (rider: Int, answer: Confirmation) in "\(rider) has ride \(answer.ride)"
                }
            }
        }
        let step = try SagaDeclaration(Parent()).steps[0]
        guard case .child(let body) = step.body else { throw NoSuchBody() }
        #expect(step.kind == .child(saga: "book-ride"))
        #expect(body.version == 3)
        #expect(try body.request(7).json == #"{"destination":"x","rider":7}"#)
        #expect(try body.receive(7, #"{"ride":9}"#).json == #""7 has ride 9""#)
        #expect(throws: DecodingError.self) { try body.receive(7, "{}") }
    }
}
