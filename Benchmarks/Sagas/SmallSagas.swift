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
