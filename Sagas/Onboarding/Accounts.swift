import Foundation
import Waymark

/// What an applicant asks for: the body of `POST /accounts`, as JSON or as a form.
public struct AccountApplication: Codable, Sendable {
    let name: String
    let email: String
    let address: String
    /// The applicant's account at another bank, from which a penny is drawn to prove whose it is.
    let account: String
    /// Whether a welcome gift is wanted.
    let gift: Bool

    /// - Throws: `WaymarkError` that names the field which is empty or too long.
    func check() throws {
        let fields = [("name", name), ("email", email), ("address", address), ("account", account)]
        for (field, value) in fields where !(1...100).contains(value.count) {
            throw WaymarkError(.invalidField, "must be 1 to 100 characters", field: field)
        }
    }
}

/// An application on record.
struct FiledApplication: Codable, Sendable {
    let id: UUID
    let request: AccountApplication
}

/// What a person decides: the event `reviewed`.
struct Review: Codable, Sendable {
    enum Verdict: String, Codable {
        case approved, declined
    }

    let decision: Verdict
    /// Who reviewed it.
    let by: String
}

/// What becomes of an application.
enum Decision: String, Codable, Sendable, CaseIterable {
    case approved, declined, expired
}

/// An application that was reviewed, or for which the time to do so is over.
struct Decided: Codable, Sendable {
    let application: FiledApplication
    let decision: Decision
    let reviewer: String?

    init(_ application: FiledApplication, _ review: Review?) {
        self.application = application
        reviewer = review?.by
        decision =
            switch review?.decision {
            case .approved: .approved
            case .declined: .declined
            case nil: .expired
            }
    }
}

/// An account, with the carrier's id of the gift that was sent.
struct OpenedAccount: Codable, Sendable {
    let application: FiledApplication
    let account: UUID
    var gift: String?
}

/// The response.
public struct AccountAnswer: Codable, Sendable {
    let application: UUID
    let decision: Decision
    let account: UUID?
    /// The carrier's id of the gift.
    let gift: String?
}
