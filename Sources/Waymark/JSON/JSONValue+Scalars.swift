extension JSONValue {
    /// Why a value is not what was asked for.
    enum Misfit: Error {
        case type
        case range
    }

    var isNull: Bool {
        if case .null = self { true } else { false }
    }

    // In a form everything is a string, so strings stand for numbers and truth values there.

    func bool(isForm: Bool) throws(Misfit) -> Bool {
        switch self {
        case .bool(let bool): return bool
        case .string("true") where isForm: return true
        case .string("false") where isForm: return false
        default: throw .type
        }
    }

    func text() throws(Misfit) -> String {
        guard case .string(let text) = self else { throw .type }
        return text
    }

    /// The digits of a number.
    func digits(isForm: Bool) throws(Misfit) -> String {
        switch self {
        case .number(let digits): return digits
        case .string(let text) where isForm:
            guard case .number(let digits)? = try? JSONValue(parsing: text) else { throw .type }
            return digits
        default: throw .type
        }
    }

    func floating<Number: BinaryFloatingPoint & LosslessStringConvertible>(
        _ type: Number.Type, isForm: Bool
    ) throws(Misfit) -> Number {
        guard let value = Number(try digits(isForm: isForm)), value.isFinite else { throw .range }
        return value
    }

    /// Whole numbers, however they are spelled: 10, 10.0 and 1e1 are the same.
    @inline(__always)  // For each type by itself: a conversion for any type divides digit by digit.
    func integer<Number: FixedWidthInteger>(_ type: Number.Type, isForm: Bool) throws(Misfit) -> Number {
        let digits = try digits(isForm: isForm)
        if let value = Number(digits) { return value }
        guard let plain = DecimalNumber(digits).wholeDigits else { throw .type }
        guard let value = Number(plain) else { throw .range }
        return value
    }
}
