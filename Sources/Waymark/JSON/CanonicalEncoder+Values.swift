import Foundation

extension CanonicalEncoder {
    /// What has a form of its own in JSON, whatever it would encode itself as; nil for all else.
    func part<Value: Encodable>(ofKnown value: Value, _ key: (any CodingKey)?) throws -> Part? {
        // Types are compared before values are cast: a cast that fails is dear.
        if Value.self == String.self, let value = value as? String { return .string(value) }
        if Value.self == Int.self, let value = value as? Int { return .scalar(String(value)) }
        if Value.self == Double.self, let value = value as? Double { return try number(value, key) }
        if Value.self == UUID.self, let value = value as? UUID { return .string(value.text(.uppercase)) }
        if Value.self == Date.self, let value = value as? Date {
            guard let text = DateText.text(of: value, .microseconds) else {
                // The error carries the seconds: Foundation ends the process over the description of such a date.
                throw failure(
                    value.timeIntervalSinceReferenceDate, key, "the date is not between the years 1 and 294276")
            }
            return DateText.needsMicroseconds(value) ? .date(value, text) : .string(text)
        }
        if Value.self == Data.self, let value = value as? Data { return .string(value.base64EncodedString()) }
        if Value.self == URL.self, let value = value as? URL { return .string(value.absoluteString) }
        if Value.self == Decimal.self, let value = value as? Decimal {
            if value.isNaN { throw failure(value, key, "it is not a number") }
            return .scalar(DecimalNumber(value.description).canonical)
        }
        return nil
    }

    /// The shortest digits that give the same number again.
    func number<Number: BinaryFloatingPoint & CustomStringConvertible & Sendable>(
        _ value: Number, _ key: (any CodingKey)?
    ) throws -> Part {
        if !value.isFinite { throw failure(value, key, "\(value) is no number of JSON's") }
        if value == 0 { return .scalar("0") }
        let text = value.description
        if text.utf8.contains(UInt8(ascii: "e")) { return .scalar(DecimalNumber(text).canonical) }
        return .scalar(text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
    }

    func failure(_ value: Any, _ key: (any CodingKey)?, _ description: String) -> EncodingError {
        .invalidValue(
            value, .init(codingPath: key.map { codingPath + [$0] } ?? codingPath, debugDescription: description))
    }
}
