import Crypto

extension SHA256 {
    /// The hash of a text's UTF-8, which is not copied for it.
    static func hash(text: String) -> SHA256Digest {
        var (text, hash) = (text, SHA256())
        text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return hash.finalize()
    }
}
