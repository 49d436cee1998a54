import ForeignServices
import Waymark

/// Whom to welcome.
struct WelcomePack: Codable, Sendable {
    let name: String
    let email: String
}

/// The mail service's id of the pack.
struct SentPack: Codable, Sendable {
    let message: String
}

/// Sends a welcome pack by mail. A saga of its own, so that nobody waits for it.
struct SendWelcomePack: Saga {
    static let name = "send-welcome-pack"
    let mail: Mail

    var body: some Step<WelcomePack, SentPack> {
        ForeignCall("pack_mailed", .keyed(horizon: .hours(24), replaysAnswers: true), send)
    }

    func send(_ pack: WelcomePack, _ call: Call) async throws -> SentPack {
        let id = try await mail.send(
            to: pack.email, subject: "Welcome, \(pack.name)", text: "Your account is open.",
            idempotencyKey: call.idempotencyKey)
        return SentPack(message: id)
    }
}
