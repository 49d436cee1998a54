import Foundation

extension SandboxService {
    /// `POST /v1/charges`.
    func charge(form: [String: String], key: String?) async -> Outcome {
        await perform(request("POST /v1/charges", form, key)) { identity in
            let parameters = try ChargeParameters(form)
            if self.declines(key: identity) { return .decline(.declined) }
            return .charge(
                Charge(
                    id: "ch_" + Hash.identifier(identity),
                    amount: parameters.amount,
                    currency: parameters.currency,
                    customer: parameters.customer,
                    description: parameters.description,
                    created: Int(Date().timeIntervalSince1970)
                )
            )
        }
    }

    /// `POST /v1/refunds`. A charge is refunded whole.
    func refund(form: [String: String], key: String?) async -> Outcome {
        await perform(request("POST /v1/refunds", form, key)) { identity in
            try form.refuseUnknown(["charge", "amount", "reason"].contains)
            return .refund(
                Refund(
                    id: "re_" + Hash.identifier(identity),
                    charge: try form.required("charge"),
                    amount: try form["amount"].map { text in
                        guard let amount = Int(text) else {
                            throw Refusal(
                                .invalid("Invalid integer: \(text)", param: "amount", code: "parameter_invalid_integer")
                            )
                        }
                        return amount
                    },
                    reason: form["reason"],
                    created: Int(Date().timeIntervalSince1970)
                )
            )
        }
    }

    /// `POST /v1/messages`. `json` needs a `to` and a `subject`; what else is in it is kept.
    func message(json: Data, key: String?) async -> Outcome {
        guard let object = try? JSONSerialization.jsonObject(with: json) as? [String: Any],
            let canonical = try? JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
        else { return .reply(.invalid("The body is not a JSON object.")) }
        let content = String(decoding: canonical, as: UTF8.self)
        let fields = ["to", "subject"].map { ($0, object[$0] as? String ?? "") }
        let request = Request(endpoint: "POST /v1/messages", idempotencyKey: key, fingerprint: content)
        return await perform(request) { identity in
            for (name, value) in fields where value.isEmpty {
                throw Refusal(.invalid("Missing required field: \(name).", param: name, code: "parameter_missing"))
            }
            return .message(
                Message(
                    id: "msg_" + Hash.identifier(identity),
                    to: fields[0].1,
                    subject: fields[1].1,
                    content: content
                )
            )
        }
    }

    /// A request with a form. The order of its fields makes no difference.
    func request(_ endpoint: String, _ form: [String: String], _ key: String?) -> Request {
        let sorted = form.sorted { $0.key < $1.key }
        // Lengths in front, so that no value can pass for a name.
        let parts = sorted.map { "\($0.key.utf8.count):\($0.key)=\($0.value.utf8.count):\($0.value)" }
        return Request(endpoint: endpoint, idempotencyKey: key, fingerprint: parts.joined(separator: "&"))
    }
}
