import Testing
import Waymark
import WaymarkTesting

@testable import WaymarkCommand

/// How sagas with steps inside of steps are shown.
@Suite struct SagaListingTests {
    private static func show(_ saga: String, _ options: [String] = []) async throws -> String {
        try await TestProcess.with("waymark", ["sagas", "show", saga] + options, database: "") {
            try await $0.ended()
        }.log
    }

    private static func line(_ start: String, of text: String) throws -> String {
        let lines = text.split(separator: "\n").map(String.init)
        return try #require(lines.first { $0.hasPrefix(start) }, "no line begins with '\(start)' in\n\(text)")
    }

    @Test func showsTheStepsOfEachCaseBelowTheirChoice() async throws {
        let text = try await Self.show("open-account")
        #expect(text.hasPrefix("open-account, version 1: AccountApplication to AccountAnswer\n"))
        #expect(try Self.line("decision_taken ", of: text).contains("choice"))
        for label in ["approved", "declined", "expired"] { _ = try Self.line("  \(label):", of: text) }
        let gift = try Self.line("    gift_sent ", of: text)
        #expect(gift.contains("foreign call, keyed for 24 h, may be skipped"))
        #expect(gift.contains("goes on without  carrier"))
        #expect(try Self.line("reviewed ", of: text).contains("30 d"))
        let sleep = try Self.line("cooling_off_passed ", of: text)
        #expect(!sleep.contains("parks"), "a sleep is not tried")
        #expect(text.contains("service carrier: 8 at a time; 50 a second; after 5 failures"))
    }

    @Test func showsBranchesAndElements() async throws {
        let text = try await Self.show("ship-order")
        #expect(try Self.line("stock_reserved ", of: text).contains("rejects with 409"))
        let order = [
            "shipment_prepared ", "  branch label_bought:", "    label_bought ", "  branch pickup_booked:",
            "    pickup_booked ",
            "    pickup_noted ",
            "parcels_sent ", "  each:", "    parcel_sent ", "tracking_mailed ",
        ]
        let lines = text.split(separator: "\n")
        let places = order.map { start in lines.firstIndex { $0.hasPrefix(start) } ?? -1 }
        #expect(places == places.sorted() && !places.contains(-1), "\(places) in\n\(text)")
        #expect(try Self.line("parcels_sent ", of: text).contains("for each, 2 at a time"))
    }

    @Test func theSameAsJSON() async throws {
        let choice = try Self.step("decision_taken", of: await Self.show("open-account", ["--json"]))
        guard case .array(let branches) = choice["branches"], case .object(let approved) = branches.first,
            case .array(let steps) = approved["steps"], case .object(let gift) = steps.dropFirst().first
        else {
            Issue.record("no steps in \(choice)")
            return
        }
        #expect(approved["label"] == .string("approved"))
        #expect(choice["attempts"] == nil)
        #expect(gift["name"] == .string("gift_sent"))
        #expect(gift["isConditional"] == .bool(true))
        #expect(gift["whenUsedUp"] == .object(["way": .string("degrade")]))
        guard case .object(let service) = gift["service"] else {
            Issue.record("no service in \(gift)")
            return
        }
        #expect(service["maxConcurrent"] == .number("8"))
        let reserved = try Self.step("stock_reserved", of: await Self.show("ship-order", ["--json"]))
        #expect(reserved["whenUsedUp"] == .object(["way": .string("reject"), "status": .number("409")]))
    }

    @Test func countsTheStepsInsideOfOthers() async throws {
        let list = try await TestProcess.with("waymark", ["sagas", "list"], database: "") {
            try await $0.ended()
        }.log
        #expect(try Self.line("open-account", of: list).hasSuffix("10"))
        #expect(try Self.line("ship-order", of: list).hasSuffix("9"))
    }

    @Test func saysWhatAStepWasCalledAndWhichCaseDoesNothing() throws {
        let listing = SagaListing(try SagaDeclaration(Greet()))
        #expect(
            listing.rows.map { [$0[0], $0[1]] } == [
                ["tone_chosen", "choice"], ["  loud:", ""], ["    shouted (was yelled, cried)", "atomic phase"],
                ["  quiet:", "nothing"], ["greeted", "atomic phase"],
            ])
        #expect(listing.rows.allSatisfy { $0.count == SagaListing.columns.count })
        #expect(listing.services.isEmpty)
    }

    private static func step(_ name: String, of text: String) throws -> [String: JSONValue] {
        guard case .object(let saga) = try JSONValue(parsing: text), case .array(let steps) = saga["steps"] else {
            throw ConditionNotMet(description: "no saga: \(text)")
        }
        for case .object(let step) in steps where step["name"] == .string(name) { return step }
        throw ConditionNotMet(description: "no step '\(name)': \(text)")
    }
}

private enum Tone: String, Sendable, CaseIterable {
    case loud, quiet
}

private struct Greet: Saga {
    static let name = "greet"

    var body: some Step<String, String> {
        Choose("tone_chosen", by: { (name: String) in name.isEmpty ? Tone.quiet : .loud }) { tone in
            switch tone {
            case .loud:
                AtomicPhase("shouted") { (name: String, _: Transaction) in name.uppercased() }
                    .renamed(from: "yelled", "cried")
            case .quiet: Skip<String>()
            }
        }
        AtomicPhase("greeted") { (name: String, _: Transaction) in "hello, \(name)" }
    }
}
