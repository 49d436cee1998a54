import Foundation

/// A request that is answered with an error and has no effect.
struct Refusal: Error {
    let reply: Reply

    init(_ reply: Reply) { self.reply = reply }
}

/// The parameters of a request, as text.
extension [String: String] {
    /// The value of a parameter that must be there.
    func required(_ name: String) throws -> String {
        guard let value = self[name], !value.isEmpty else {
            throw Refusal(.invalid("Missing required param: \(name).", param: name, code: "parameter_missing"))
        }
        return value
    }

    func requiredInteger(_ name: String) throws -> Int {
        let text = try required(name)
        guard let number = Int(text) else {
            throw Refusal(.invalid("Invalid integer: \(text)", param: name, code: "parameter_invalid_integer"))
        }
        return number
    }

    /// Three letters, in lower case whatever case they came in.
    func requiredCurrency() throws -> String {
        let currency = try required("currency").lowercased()
        guard currency.utf8.count == 3, currency.utf8.allSatisfy((UInt8(ascii: "a")...UInt8(ascii: "z")).contains)
        else {
            throw Refusal(.invalid("Invalid currency: \(currency).", param: "currency"))
        }
        return currency
    }

    /// Throws when there is a parameter, the first by name, that is not known.
    func refuseUnknown(_ isKnown: (String) -> Bool) throws {
        for name in keys.sorted() where !isKnown(name) {
            throw Refusal(.invalid("Received unknown parameter: \(name)", param: name, code: "parameter_unknown"))
        }
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

    /// Decodes a JSON object of strings and integers.
    ///
    /// - Throws: ``Refusal`` when the body is no object, or a value is neither.
    init(json: Data) throws {
        guard let fields = try? JSONDecoder().decode([String: JSONField].self, from: json) else {
            throw Refusal(.invalid("The body is not a JSON object."))
        }
        self.init()
        for (name, field) in fields.sorted(by: { $0.key < $1.key }) {
            guard let text = field.text else {
                throw Refusal(.invalid("Neither a string nor an integer: \(name).", param: name))
            }
            self[name] = text
        }
    }
}

/// A value of a JSON object.
private struct JSONField: Decodable {
    /// Nil for what is neither string nor integer.
    let text: String?

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        text = (try? container.decode(String.self)) ?? (try? container.decode(Int.self)).map(String.init)
    }
}
