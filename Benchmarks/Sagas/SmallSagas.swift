import Foundation
import Waymark

/// One call, and nothing else: what a key costs.
struct Notify: Saga {
    static let name = "notify"

    var body: some Step<Notice, Receipt> {
        ForeignCall("notified", .keyed(horizon: .hours(24))) { (_: Notice, call: Call) in
            Receipt(id: call.idempotencyKey)
        }
    }
}

/// Five commits of one key, which write nothing else.
struct FivePhases: Saga {
    static let name = "five-phases"

    var body: some Step<Notice, Notice> {
        AtomicPhase("one", pass)
        AtomicPhase("two", pass)
        AtomicPhase("three", pass)
        AtomicPhase("four", pass)
        AtomicPhase("five", pass)
    }

    func pass(_ notice: Notice, _ writes: inout Writes) throws -> Notice { notice }
}

/// Accepted, and not begun within an hour.
struct Nap: Saga {
    static let name = "nap"

    var body: some Step<Notice, Notice> {
        SleepUntil("woken") { (_: Notice) in .now + 3600 }
    }
}

/// About as much as a ride's request.
struct Notice: Codable, Sendable {
    var to = "rider1@example.com"
    var subject = "Your ride"
    var text = "You were charged 2000 usd (in its smallest unit)."
}

struct Receipt: Codable, Sendable {
    let id: String
}
