extension JSONValue {
    /// One text for all spellings of a value, after RFC 8785: members sorted by UTF-16 code units, shortest escapes, no
    /// space. Numbers keep all their digits, which RFC 8785's doubles would not: 1.0, 1 and 10e-1 are the same, and
    /// 0.1 differs from 0.10000000000000001.
    package var canonical: String {
        var text = JSONText()
        write(to: &text)
        return text.string
    }

    private func write(to text: inout JSONText) {
        switch self {
        case .null: text.append("null")
        case .bool(let value): text.append(value ? "true" : "false")
        case .number(let digits): text.append(DecimalNumber(digits).canonical)
        case .string(let value): text.appendQuoted(value)
        case .array(let elements):
            text.append(mark: "[")
            for (index, element) in elements.enumerated() {
                if index > 0 { text.append(mark: ",") }
                element.write(to: &text)
            }
            text.append(mark: "]")
        case .object(let members):
            text.append(mark: "{")
            for (index, member) in members.sorted(by: { JSONText.precedes($0.key, $1.key) }).enumerated() {
                if index > 0 { text.append(mark: ",") }
                text.appendQuoted(member.key)
                text.append(mark: ":")
                member.value.write(to: &text)
            }
            text.append(mark: "}")
        }
    }
}
