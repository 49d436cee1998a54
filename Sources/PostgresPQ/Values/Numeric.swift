public import Foundation

extension Decimal: PostgresCodable, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .numeric }
    public static var postgresFormat: PostgresFormat { .text }

    /// Throws ``PostgresError/Code/encoding`` for NaN.
    public func encode(into buffer: inout [UInt8]) throws {
        guard isFinite else { throw PostgresError(.encoding, "the decimal is not a number") }
        buffer.append(contentsOf: description.utf8)
    }

    /// Takes numeric and the integer types; what `Decimal` cannot hold exactly (NaN, infinities, over 38 digits, an
    /// exponent beyond 8 bits) throws ``PostgresError/Code/decoding``.
    public init(postgres cell: PostgresCell) throws {
        guard cell.type == .numeric else {
            self = Decimal(try Int64(integer: cell))
            return
        }
        self = try NumericDigits(cell).decimal(cell)
    }
}

/// The binary form of `numeric`: a header, then digits in base 10,000, the most significant first.
private struct NumericDigits {
    static let headerLength = 8
    static let positive: UInt16 = 0x0000
    static let negative: UInt16 = 0x4000

    var digits: [UInt16]
    /// The power of 10,000 of the first digit.
    var weight: Int
    var isNegative: Bool

    init(_ cell: PostgresCell) throws {
        let bytes = try cell.bytes()
        guard bytes.count >= Self.headerLength else { throw cell.mismatch(Decimal.self) }
        let count = Int(bytes.loadInteger(at: 0, as: UInt16.self))
        let sign = bytes.loadInteger(at: 4, as: UInt16.self)
        guard sign == Self.positive || sign == Self.negative else {
            throw cell.mismatch(Decimal.self, "the value is not a finite number")
        }
        guard bytes.count == Self.headerLength + count * 2 else { throw cell.mismatch(Decimal.self) }
        weight = Int(bytes.loadInteger(at: 2, as: Int16.self))
        isNegative = sign == Self.negative
        digits = (0..<count).map { bytes.loadInteger(at: Self.headerLength + $0 * 2, as: UInt16.self) }
    }

    func decimal(_ cell: PostgresCell) throws -> Decimal {
        guard !digits.isEmpty else { return 0 }
        var exponent = (weight - digits.count + 1) * 4
        var significand: UInt128 = 0
        for (index, digit) in digits.enumerated() {
            // The last digit's trailing zeros go into the exponent, so that 38 significant digits always fit.
            var digit = UInt128(digit)
            var scale: UInt128 = 10_000
            if index == digits.count - 1 {
                while scale > 1, digit % 10 == 0 {
                    digit /= 10
                    scale /= 10
                    exponent += 1
                }
            }
            let (product, overflow) = significand.multipliedReportingOverflow(by: scale)
            let (sum, sumOverflow) = product.addingReportingOverflow(digit)
            guard !overflow, !sumOverflow else { throw cell.mismatch(Decimal.self, "it has too many digits") }
            significand = sum
        }
        guard (-128...127).contains(exponent) else { throw cell.mismatch(Decimal.self, "its exponent is too large") }
        let high = Decimal(UInt64(significand >> 64)) * Decimal(sign: .plus, exponent: 0, significand: twoTo64)
        let value = high + Decimal(UInt64(truncatingIfNeeded: significand))
        return Decimal(sign: isNegative ? .minus : .plus, exponent: exponent, significand: value)
    }

    private var twoTo64: Decimal { Decimal(UInt64.max) + 1 }
}

extension Decimal: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { .numericArray }

    /// Writes numeric's binary form, digit group by digit group.
    public func encodeElement(into buffer: inout [UInt8]) throws {
        var text: [UInt8] = []
        try encode(into: &text)
        let isNegative = text.first == UInt8(ascii: "-")
        let parts = String(decoding: isNegative ? text.dropFirst() : text[...], as: UTF8.self)
            .split(separator: ".", omittingEmptySubsequences: false)
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        let whole = String(repeating: "0", count: (4 - parts[0].count % 4) % 4) + parts[0]
        let padded = whole + fraction + String(repeating: "0", count: (4 - fraction.count % 4) % 4)
        let characters = Array(padded.utf8)
        buffer.appendInteger(Int16(characters.count / 4))
        buffer.appendInteger(Int16(whole.count / 4 - 1))
        buffer.appendInteger(isNegative ? NumericDigits.negative : NumericDigits.positive)
        buffer.appendInteger(Int16(fraction.count))
        for start in stride(from: 0, to: characters.count, by: 4) {
            let group = characters[start..<start + 4].reduce(UInt16(0)) { $0 * 10 + UInt16($1 - UInt8(ascii: "0")) }
            buffer.appendInteger(group)
        }
    }
}
