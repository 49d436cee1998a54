import Foundation
import WaymarkEngine

/// What became of one key that an operator's verb was for.
struct OperatorAct: Encodable {
    let id: UUID
    let scope: String
    let key: String
    let saga: String
    /// What was done, or in a dry run would be; nil where it was refused.
    let done: AuditEntry?
    let refusal: String?

    init(_ key: SeenKey, _ done: AuditEntry? = nil, refusal: String? = nil) {
        id = key.id
        scope = key.scope
        self.key = key.key
        saga = key.saga
        self.done = done
        self.refusal = refusal
    }

    static let header = ["id", "scope", "key", "saga", "before", "after"]

    var cells: [String] {
        let before = done?.before.text ?? ""
        let after = refusal ?? done?.after?.text ?? "removed"
        return [id.uuidString.lowercased(), scope, key, saga, before, after]
    }
}

extension AuditEntry.State {
    /// A key's state in a few words.
    var text: String {
        var words = [point]
        if direction == "compensating" { words.append(done ? "rejected" : "compensating") }
        if direction != "compensating", !done, status != nil { words.append("to be rejected") }
        if let parked { words.append("parked: \(parked)") }
        return words.joined(separator: ", ")
    }
}
