import Foundation

/// `application/x-www-form-urlencoded`.
enum Form {
    /// Everything but RFC 3986's unreserved characters is escaped.
    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

    static func encoded(_ fields: KeyValuePairs<String, String>) -> String {
        fields.map { name, value in "\(escaped(name))=\(escaped(value))" }.joined(separator: "&")
    }

    private static func escaped(_ text: String) -> String {
        guard let escaped = text.addingPercentEncoding(withAllowedCharacters: unreserved) else {
            preconditionFailure("every Swift string is valid Unicode, which percent-encoding takes")
        }
        return escaped
    }
}
