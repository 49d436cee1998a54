import Foundation
import Testing

@testable import Waymark

/// What earlier versions of a saga stored is read by the one that runs.
@Suite struct VersioningTests {
    private struct Old: Codable, Sendable { var amount: Int }
    private struct Older: Codable, Sendable { var cents: String }
    private struct New: Codable, Sendable, Equatable { var cents: Int }

    /// Version 1 stored `Older`, 2 to 4 `Old`, and since 5 it is `New`.
    private struct Changed: Saga {
        static let name = "changed"
        static let version = 6
        static let requestChanges = [
            RequestChange<New>(in: 5, from: Old.self) { New(cents: $0.amount * 100) },
            RequestChange<New>(in: 2, from: Older.self) { New(cents: try number($0.cents)) },
        ]

        var body: some Step<New, New> {
            AtomicPhase("charged") { (input: New, _: Transaction) in input }
                .renamed(from: "paid", "billed")
                .outputChanged(in: 5, from: Old.self) { New(cents: $0.amount * 100) }
                .outputChanged(in: 2, from: Older.self) { New(cents: try Self.number($0.cents)) }
                .compensate { (_: New, _: Transaction) in }
            Sleep("rested", for: .hours(1)).renamed(from: "slept")
            ForeignCall("sent", .atMostOnce) { (input: New, _: Call) in input }
                .renamed(from: "mailed").compensate(.atMostOnce) { (_: New, _: Call) in }
            Parallel("both", join: { (left: New, _: New) in left }) {
                AtomicPhase("left") { (input: New, _: Transaction) in input }
                Branch {
                    AtomicPhase("right") { (input: New, _: Transaction) in input }.renamed(from: "links")
                    AtomicPhase("end") { (input: New, _: Transaction) in input }
                }
            }
            AtomicPhase("z") { (input: New, _: Transaction) in input }
        }

        private static func number(_ text: String) throws -> Int {
            guard let number = Int(text) else { throw WaymarkError(.invalidField, "no number") }
            return number
        }
    }

    private static let stored: [(Int, String)] = [
        (1, #"{"cents":"700"}"#), (2, #"{"amount":7}"#), (3, #"{"amount":7}"#), (4, #"{"amount":7}"#),
        (5, #"{"cents":700}"#), (6, #"{"cents":700}"#),
    ]

    @Test(arguments: stored)
    func outputsAreReadAsTheirVersionWroteThem(version: Int, json: String) throws {
        let step = try SagaDeclaration(Changed()).steps[0]
        #expect(step.outputChanges == [2, 5])
        #expect(try step.decodeOutput(json, version) as? New == New(cents: 700))
    }

    @Test(arguments: stored)
    func requestsAreReadAsTheirVersionWroteThem(version: Int, json: String) throws {
        #expect(try SagaDeclaration(Changed()).decodeRequest(json, version) as? New == New(cents: 700))
    }

    @Test func whatDoesNotReadIsAnError() throws {
        let declaration = try SagaDeclaration(Changed())
        #expect(throws: DecodingError.self) { try declaration.decodeRequest(#"{"cents":700}"#, 4) }
        #expect(throws: DecodingError.self) { try declaration.steps[0].decodeOutput(#"{"amount":7}"#, 5) }
        #expect(throws: WaymarkError.self) { try declaration.steps[0].decodeOutput(#"{"cents":"many"}"#, 1) }
        // A step that did not change reads what every version wrote.
        #expect(try declaration.steps[2].decodeOutput(#"{"cents":700}"#, 1) as? New == New(cents: 700))
    }

    @Test(
        "Points under former names are accepted",
        arguments: [
            "charged", "paid", "billed", "slept:asleep", "slept", "rested:asleep", "mailed:begun", "mailed",
            "sent:begun",
            "mailed:undone", "mailed:undoing", "sent:undoing", "both/links", "both/right", "journal:billed",
            "version:6", "started", "both{left,links}", "both{}",
            "finished",
        ])
    func accepted(point: String) throws {
        #expect(try SagaDeclaration(Changed()).accepted.contains(point))
    }

    @Test(arguments: [
        "elsewhere", "paid:begun", "both{left,right}", "both{left}", "slept:waiting", "links", "both/links:begun",
        "charged:undoing", "z", "version:7",
        "",
    ])
    func notAccepted(point: String) throws {
        #expect(try !SagaDeclaration(Changed()).accepted.contains(point))
    }

    @Test func aRequestGoesOnFromAFormerName() throws {
        let declaration = try SagaDeclaration(Changed())
        let points = [
            ("billed", 1, "rested"), ("slept:asleep", 1, "rested"), ("mailed:begun", 2, "sent"), ("slept", 2, "sent"),
        ]
        for (point, step, to) in points {
            let machine = RunMachine(declaration: declaration, state: RunState(recoveryPoint: point, attempts: 1))
            let next = try #require(machine.next)
            #expect((next.step, next.from, next.to) == (step, point, to))
            #expect(next.isBegun == point.contains(":"))
        }
    }

    @Test func aCompensationFoundBegunUnderAFormerNameIsGoneOnWith() throws {
        let state = RunState(
            direction: .compensating, recoveryPoint: "mailed:undoing", attempts: 1,
            done: [FinishedStep(step: 0), FinishedStep(step: 2)])
        let next = try #require(RunMachine(declaration: SagaDeclaration(Changed()), state: state).next)
        #expect(next.isBegun)
        #expect((next.step, next.to) == (2, "sent:undone"))
    }

    /// A renamed step is the same operation to everybody else.
    @Test func idsAreDerivedFromTheFirstName() throws {
        let plan = try SagaDeclaration(Changed()).plan
        #expect(plan.steps.map(\.originalName) == ["paid", "slept", "mailed", "both", "left", "links", "end", "z"])
        #expect(plan.index(named: "paid") == 0)
        #expect(plan.index(named: "billed") == 0)
        #expect(plan.index(named: "links") == 5)
    }

    @Test func nothingChangedUnlessDeclared() throws {
        let declaration = try SagaDeclaration(BookRide())
        #expect(BookRide.requestChanges.isEmpty)
        #expect(declaration.steps.allSatisfy { $0.outputChanges.isEmpty && $0.formerNames.isEmpty })
        #expect(declaration.steps.map(\.originalName) == declaration.steps.map(\.name))
    }
}
