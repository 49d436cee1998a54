import Foundation

/// The parameters of `POST /v1/charges`, checked.
struct ChargeParameters: Sendable, Equatable {
    /// The smallest and the largest amount, in minor units, as with Stripe: half a dollar, and eight digits.
    static let amounts = 50...99_999_999
    private static let known: Set = [
        "amount", "currency", "customer", "source", "description", "receipt_email", "statement_descriptor", "capture",
    ]

    let amount: Int
    let currency: String
    let customer: String?
    let description: String?

    /// - Throws: ``Refusal`` with the answer.
    init(_ form: [String: String]) throws {
        for name in form.keys.sorted() where !Self.known.contains(name) && !name.hasPrefix("metadata[") {
            throw Refusal(.invalid("Received unknown parameter: \(name)", param: name, code: "parameter_unknown"))
        }
        let text = try form.required("amount")
        guard let amount = Int(text) else {
            throw Refusal(.invalid("Invalid integer: \(text)", param: "amount", code: "parameter_invalid_integer"))
        }
        guard amount >= Self.amounts.lowerBound else {
            throw Refusal(
                .invalid(
                    "Amount must be at least \(Self.amounts.lowerBound) in the smallest unit of the currency.",
                    param: "amount",
                    code: "amount_too_small"
                )
            )
        }
        guard amount <= Self.amounts.upperBound else {
            throw Refusal(
                .invalid(
                    "Amount must be no more than \(Self.amounts.upperBound) in the smallest unit of the currency.",
                    param: "amount",
                    code: "amount_too_large"
                )
            )
        }
        let currency = try form.required("currency").lowercased()
        guard currency.utf8.count == 3, currency.utf8.allSatisfy((UInt8(ascii: "a")...UInt8(ascii: "z")).contains)
        else {
            throw Refusal(.invalid("Invalid currency: \(currency).", param: "currency"))
        }
        guard form["customer"]?.isEmpty == false || form["source"]?.isEmpty == false else {
            throw Refusal(.invalid("Must provide source or customer.", param: "customer", code: "parameter_missing"))
        }
        self.amount = amount
        self.currency = currency
        customer = form["customer"]
        description = form["description"]
    }
}

/// A request that is answered with an error and has no effect.
struct Refusal: Error {
    let reply: Reply

    init(_ reply: Reply) { self.reply = reply }
}

extension [String: String] {
    /// The value of a parameter that must be there.
    func required(_ name: String) throws -> String {
        guard let value = self[name], !value.isEmpty else {
            throw Refusal(.invalid("Missing required param: \(name).", param: name, code: "parameter_missing"))
        }
        return value
    }

    /// Decodes `application/x-www-form-urlencoded`, or nil when it is none. The last of a repeated name counts.
    init?(form text: String) {
        self.init()
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = parts.map { $0.replacing("+", with: " ").removingPercentEncoding }
            guard let name = decoded[0], let value = decoded.count > 1 ? decoded[1] : "" else { return nil }
            self[name] = value
        }
    }
}
