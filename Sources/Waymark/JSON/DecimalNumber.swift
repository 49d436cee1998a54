/// A JSON number as significant digits and a power of ten.
struct DecimalNumber {
    let negative: Bool
    /// Without zeros at either end; empty for zero.
    let digits: String
    /// Where the decimal point stands: the value is 0.digits × 10^point.
    let point: Int

    /// - Parameter text: a number as JSON's grammar has it, with an exponent of at most 6 digits (the parser sees to it).
    init(_ text: String) {
        var rest = Substring(text)
        negative = rest.first == "-"
        if negative { rest.removeFirst() }
        let parts = rest.split(whereSeparator: { $0 == "e" || $0 == "E" })
        let exponent = parts.count > 1 ? Int(parts[1].drop(while: { $0 == "+" })) ?? 0 : 0
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let fraction = mantissa.count > 1 ? String(mantissa[1]) : ""
        let all = mantissa[0] + fraction
        let leading = all.prefix(while: { $0 == "0" }).count
        var significant = all.dropFirst(leading)
        while significant.last == "0" { significant.removeLast() }
        digits = String(significant)
        point = digits.isEmpty ? 0 : mantissa[0].count - leading + exponent
    }

    /// The digits of a whole number that fits in 64 bits, with its sign; nil for a fraction.
    var wholeDigits: String? {
        guard digits.count <= point || digits.isEmpty else { return nil }
        // 20 digits hold every 64-bit number; longer ones fail as out of range all the same.
        let zeros = String(repeating: "0", count: min(max(point - digits.count, 0), 30))
        return digits.isEmpty ? "0" : (negative ? "-" : "") + digits + zeros
    }

    /// As ECMAScript prints numbers: plain from 1e-6 up to 1e21, with an exponent beyond.
    var canonical: String {
        if digits.isEmpty { return "0" }
        let sign = negative ? "-" : ""
        if point > 21 || point < -5 {
            let fraction = digits.dropFirst()
            let mantissa = fraction.isEmpty ? "\(digits.prefix(1))" : "\(digits.prefix(1)).\(fraction)"
            return "\(sign)\(mantissa)e\(point > 0 ? "+" : "")\(point - 1)"
        }
        if point <= 0 { return "\(sign)0.\(String(repeating: "0", count: -point))\(digits)" }
        if digits.count <= point { return sign + digits + String(repeating: "0", count: point - digits.count) }
        return "\(sign)\(digits.prefix(point)).\(digits.dropFirst(point))"
    }
}
