import Foundation

/// The carrier: labels, pickups and parcels, each booked under an idempotency key and cancelled by its id.
extension SandboxService {
    /// What is described so, an address or contents, the carrier does not carry.
    static let forbiddenPrefix = "forbidden"
    /// The longest reference and description, in characters: a line of a label each.
    static let longestLine = 100

    /// `POST /v1/labels`, `/v1/pickups` and `/v1/parcels`, with a `reference` and a `description`.
    func book(_ kind: Booking.Kind, _ fields: [String: String], key: String?) async -> Outcome {
        await perform(request("POST /v1/\(kind.rawValue)s", fields, key)) { identity in
            try fields.refuseUnknown(["reference", "description"].contains)
            for name in ["reference", "description"] where try fields.required(name).count > Self.longestLine {
                throw Refusal(.invalid("Must be 1 to \(Self.longestLine) characters.", param: name))
            }
            let description = try fields.required("description")
            guard !description.hasPrefix(Self.forbiddenPrefix) else { throw Refusal(.notCarried) }
            return .booking(
                Booking(
                    id: "\(kind.rawValue)_" + Hash.identifier(identity),
                    kind: kind,
                    reference: try fields.required("reference"),
                    description: description,
                    created: Int(Date().timeIntervalSince1970)
                )
            )
        }
    }

    /// `DELETE /v1/labels/{id}` and so on. What is cancelled already stays so, and the answer is the same.
    func cancel(_ kind: Booking.Kind, id: String, key: String?) async -> Outcome {
        await perform(request("DELETE /v1/\(kind.rawValue)s", ["id": id], key)) { _ in
            .cancellation(Cancellation(kind: kind, booking: id, created: Int(Date().timeIntervalSince1970)))
        }
    }
}
