extension DecodingError {
    /// The field that does not fit, as a path such as `origin.lat`; nil where it is the whole value.
    package var field: String? {
        switch self {
        case .keyNotFound(let key, let context): (context.codingPath + [key]).dotted
        case .valueNotFound(_, let context), .typeMismatch(_, let context), .dataCorrupted(let context):
            context.codingPath.isEmpty ? nil : context.codingPath.dotted
        @unknown default: nil
        }
    }

    /// What is wrong with the field, as a sentence for whoever sent it.
    package var complaint: String {
        switch self {
        case .keyNotFound: "The field is missing."
        case .valueNotFound(let type, _): "The field is null; \(Self.name(type)) is expected."
        case .typeMismatch(let type, _): "The field has the wrong type; \(Self.name(type)) is expected."
        case .dataCorrupted: "The field's value is not valid."
        @unknown default: "The body is not what is expected."
        }
    }

    /// What JSON calls a Swift type.
    private static func name(_ type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [Any].Type: "an array"
        case is [String: Any].Type: "an object"
        default: "a value of type \(type)"
        }
    }
}

extension [any CodingKey] {
    /// A path such as `stops.1.lat`.
    var dotted: String { map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".") }
}
