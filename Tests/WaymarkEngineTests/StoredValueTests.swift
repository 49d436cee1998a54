import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark

/// Holds a time slot, and finds it again by its date. Each value has a property that is not stored.
private struct HoldSlot: Saga {
    struct Slot: Codable, Sendable {
        let at: Date
        var note = "not stored"

        enum CodingKeys: String, CodingKey { case at }
    }

    struct Held: Codable, Sendable {
        let at: Date
        let seen: [String]
        var note = "not stored"

        enum CodingKeys: String, CodingKey { case at, seen }
    }

    static let name = "hold-slot"

    var body: some Step<Slot, Held> {
        AtomicPhase("held", hold)
        ForeignCall("announced", .natural, announce)
        Parallel("checked", join: { held, _ in held }) {
            AtomicPhase("found", find)
            AtomicPhase("noted", note)
        }
        AtomicPhase("closed", note)
    }

    func hold(_ slot: Slot, _ tx: Transaction) async throws -> Held {
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'held', (\(slot.at)::timestamptz)::text)")
        return Held(at: slot.at, seen: [slot.note], note: "live")
    }

    func announce(_ held: Held, _ call: Call) async throws -> Held { passOn(held) }

    func find(_ held: Held, _ tx: Transaction) async throws -> Held {
        try await tx.execute(
            """
            INSERT INTO effects SELECT key_id, 'found', 'it' FROM effects
            WHERE key_id = \(tx.key.id) AND step = 'held' AND detail::timestamptz = \(held.at)
            """)
        return passOn(held)
    }

    func note(_ held: Held, _ writes: inout Writes) throws -> Held { passOn(held) }

    private func passOn(_ held: Held) -> Held { Held(at: held.at, seen: held.seen + [held.note], note: "live") }
}

/// An output that encodes, and does not decode.
private struct OneWay: Codable, Sendable {
    init() {}
    init(from decoder: any Decoder) throws { _ = try decoder.singleValueContainer().decode(Int.self) }
    func encode(to encoder: any Encoder) throws { try ["one": "way"].encode(to: encoder) }
}

private struct LoseTheWay: Saga {
    static let name = "lose-the-way"

    var body: some Step<String, String> {
        AtomicPhase("left", leave)
        AtomicPhase("arrived", arrive)
    }

    func leave(_ text: String, _ tx: Transaction) async throws -> OneWay {
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'left', \(text))")
        return OneWay()
    }

    func arrive(_ way: OneWay, _ tx: Transaction) async throws -> String { "there" }
}

/// A step gets what is stored, in the process that ran the step before as in one that comes after a crash.
@Suite struct StoredValueTests {
    private let slot = HoldSlot.Slot(at: Date(timeIntervalSince1970: 1_700_000_000.123456), note: "live")

    @Test func theNextStepGetsTheStoredValueAndNotTheLiveOne() async throws {
        try await World.with({ _ in [HoldSlot()] }) { world in
            let outcome = try await world.run(HoldSlot.self, slot)
            #expect(outcome.response?.seen == Array(repeating: "not stored", count: 4))
        }
    }

    @Test func aDateWithMicrosecondsFindsItsRowAfterARecovery() async throws {
        try await stopEverywhere(HoldSlot.self, slot, sagas: { _ in [HoldSlot()] }) { outcome, world async throws in
            #expect(outcome.response?.at == slot.at)
            #expect(outcome.response?.seen == Array(repeating: "not stored", count: 4))
            #expect(try await world.effects("found") == ["it"])
        }
    }

    @Test func anOutputThatDoesNotReadBackIsRefusedBeforeItsCommit() async throws {
        try await World.with({ _ in [LoseTheWay()] }) { world in
            let outcome = try await world.run(LoseTheWay.self, "home")
            #expect(outcome.parkedReason == .unstorableOutput)
            #expect(try await world.effects("left").isEmpty)
        }
    }

    @Test func aRequestFromBeforeDatesHadMicrosecondsMatchesItsRepeat() async throws {
        try await World.with({ _ in [HoldSlot()] }) { world in
            _ = try await world.run(HoldSlot.self, slot)
            let stored = try await world.database.client.query("SELECT fingerprint FROM waymark.keys").decode(Data.self)
            #expect(stored == [Fingerprint(canonical: #"{"at":"2023-11-14T22:13:20.123Z"}"#).bytes])
        }
    }
}
