public import Primitives

extension Ratchet {
    /// Decrypts a message in whatever order it comes; changes nothing if that fails.
    ///
    /// Throws `duplicate` for a number that a known chain has passed and whose key is gone, `tooFarAhead`,
    /// `undecryptable` and `malformed`. `nextRatchetKey` is our new key if the message starts a new chain.
    public mutating func decrypt(
        _ message: ArraySlice<UInt8>, nextRatchetKey: @autoclosure () -> X448PrivateKey = X448PrivateKey()
    ) throws(RatchetError) -> [UInt8] {
        Array(try open(message, nextRatchetKey: nextRatchetKey()))
    }

    /// `decrypt` without the copy that a plaintext of its own costs.
    public mutating func open(
        _ message: ArraySlice<UInt8>, nextRatchetKey: @autoclosure () -> X448PrivateKey = X448PrivateKey()
    ) throws(RatchetError) -> ArraySlice<UInt8> {
        let message = try EncryptedMessage(message)
        if let current = known.last, let header = try message.openHeader(current.headerKey, associatedData) {
            guard header.number >= receivingNumber else {
                return try decryptSkipped(message, header.number, chain: known.count - 1)
            }
            if header.number == receivingNumber { return try decryptNext(message, header) }
            return try change { (next) throws(RatchetError) in try next.decryptAhead(message, header) }
        }
        if let header = try message.openHeader(nextReceivingHeaderKey, associatedData) {
            return try change { (next) throws(RatchetError) in
                try next.skipReceiving(to: header.previousCount)
                try next.step(header, nextRatchetKey())
                return try next.decryptAhead(message, header)
            }
        }
        for chain in known.indices.dropLast().reversed() {
            if let header = try message.openHeader(known[chain].headerKey, associatedData) {
                return try decryptSkipped(message, header.number, chain: chain)
            }
        }
        throw .undecryptable
    }

    /// Decrypts where it stands what nearly every message is: the next number of the current chain.
    ///
    /// - Returns: where the plaintext is in `message`. Nil if it is another message, or not authentic: `decrypt` takes it, or
    ///   says why not, from another copy. The state is then as it was; `message` is not to be used.
    public mutating func openNext(inPlace message: UnsafeMutableBufferPointer<UInt8>) -> Range<Int>? {
        guard let headerKey = known.last?.headerKey, var chainKey = receivingChainKey, receivingNumber < .max,
            let layout = EncryptedMessage.Layout(of: message)
        else { return nil }
        func part(_ range: Range<Int>) -> UnsafeMutableBufferPointer<UInt8> {
            UnsafeMutableBufferPointer(rebasing: message[range])
        }
        let associatedData = associatedData
        // In a copy: a header of another chain is left as it is.
        var padded = Array(part(layout.header))
        do {
            let header = try associatedData.withUnsafeBufferPointer { data in
                try headerKey.withUnsafeBufferPointer { headerKey in
                    try padded.withUnsafeMutableBufferPointer { padded in
                        try AES256GCM.open(
                            padded, tag: UnsafeBufferPointer(part(layout.headerTag)), key: headerKey,
                            iv: UnsafeBufferPointer(part(layout.headerIV)), associatedData: data,
                            and: UnsafeBufferPointer(start: nil, count: 0))
                    }
                }
                let version = UInt16(message[layout.lengthCount]) << 8 | UInt16(message[layout.lengthCount + 1])
                return try RatchetHeader(padded: padded, version: version)
            }
            guard header.number == receivingNumber else { return nil }
            let body = layout.tag.upperBound..<message.count
            try KeyDerivation.step(&chainKey) { keys in
                try associatedData.withUnsafeBufferPointer { data in
                    try AES256GCM.open(
                        part(body), tag: UnsafeBufferPointer(part(layout.tag)), key: keys.key, iv: keys.iv,
                        associatedData: data, and: UnsafeBufferPointer(part(layout.emHeader)))
                }
            }
            guard body.count >= 2 else { return nil }
            let count = Int(message[body.lowerBound]) << 8 | Int(message[body.lowerBound + 1])
            guard count <= body.count - 2 else { return nil }
            receivingChainKey = chainKey
            receivingNumber += 1
            version = max(version, min(header.maximumVersion, E2EParameters.versions.upperBound))
            return body.lowerBound + 2..<body.lowerBound + 2 + count
        } catch {
            return nil
        }
    }

    /// Commits what `body` does to a copy, unless it throws.
    private mutating func change(
        _ body: (inout Ratchet) throws(RatchetError) -> ArraySlice<UInt8>
    ) throws(RatchetError) -> ArraySlice<UInt8> {
        var next = self
        let plain = try body(&next)
        self = next
        return plain
    }

    /// A number that was passed over: its key is used once.
    private mutating func decryptSkipped(
        _ message: EncryptedMessage, _ number: UInt32, chain: Int
    ) throws(RatchetError) -> ArraySlice<UInt8> {
        guard let index = known[chain].skipped.firstIndex(where: { $0.number == number }) else {
            throw .duplicate(number: number)
        }
        let plain = try message.open(known[chain].skipped[index].keys, associatedData)
        known[chain].skipped.remove(at: index)
        forgetChains()
        return plain
    }

    /// A number of the current chain that has not been reached.
    private mutating func decryptAhead(
        _ message: EncryptedMessage, _ header: RatchetHeader
    ) throws(RatchetError) -> ArraySlice<UInt8> {
        guard header.number < UInt32.max else { throw .malformed("header: the last number") }
        try skipReceiving(to: header.number)
        return try decryptNext(message, header)
    }

    /// The next number of the current chain; changes nothing if it is not authentic.
    private mutating func decryptNext(
        _ message: EncryptedMessage, _ header: RatchetHeader
    ) throws(RatchetError) -> ArraySlice<UInt8> {
        guard header.number < UInt32.max else { throw .malformed("header: the last number") }
        guard var chainKey = receivingChainKey else { throw .undecryptable }
        let associatedData = associatedData
        let plain = try KeyDerivation.step(&chainKey) { keys throws(RatchetError) in
            try message.open(key: keys.key, iv: keys.iv, associatedData)
        }
        receivingChainKey = chainKey
        receivingNumber += 1
        version = max(version, min(header.maximumVersion, E2EParameters.versions.upperBound))
        return plain
    }

    /// Passes over the numbers of the current chain below `number`, and keeps the keys of the last ones.
    private mutating func skipReceiving(to number: UInt32) throws(RatchetError) {
        guard var chainKey = receivingChainKey, number > receivingNumber else { return }
        let count = Int(number - receivingNumber)
        guard count <= Self.aheadLimit else { throw .tooFarAhead(count: count) }
        let current = known.count - 1
        for passed in receivingNumber..<number {
            let keys = KeyDerivation.message(&chainKey).keys
            if number - passed <= UInt32(Self.skippedLimit) {
                known[current].skipped.append(SkippedKey(number: passed, keys: keys))
            }
        }
        receivingChainKey = chainKey
        receivingNumber = number
        forgetSkipped()
    }

    /// The Diffie-Hellman step: new receiving and sending chains.
    private mutating func step(_ header: RatchetHeader, _ newKey: X448PrivateKey) throws(RatchetError) {
        do {
            let peerKey = try X448PublicKey(spki: header.ratchetKey)
            let forReceiving = KeyDerivation.root(rootKey, try ratchetKey.agree(with: peerKey))
            let forSending = KeyDerivation.root(forReceiving.rootKey, try newKey.agree(with: peerKey))
            receivingChainKey = forReceiving.chainKey
            known.append(KnownChain(headerKey: nextReceivingHeaderKey))
            nextReceivingHeaderKey = forReceiving.nextHeaderKey
            sending = SendingChain(chainKey: forSending.chainKey, headerKey: nextSendingHeaderKey)
            nextSendingHeaderKey = forSending.nextHeaderKey
            rootKey = forSending.rootKey
            ratchetKey = newKey
        } catch {
            throw .malformed("ratchet key of the other side")
        }
        previousCount = sendingNumber
        sendingNumber = 0
        receivingNumber = 0
        receivingSteps &+= 1
        forgetChains()
    }

    /// Gives up the oldest skipped keys beyond the limit.
    private mutating func forgetSkipped() {
        var excess = skippedCount - Self.skippedLimit
        var chain = 0
        while excess > 0 {
            let forgotten = min(excess, known[chain].skipped.count)
            known[chain].skipped.removeFirst(forgotten)
            excess -= forgotten
            chain += 1
        }
        forgetChains()
    }

    /// Gives up past chains that nothing is missing of, but for the last few, whose messages may be delivered again.
    private mutating func forgetChains() {
        let recent = known.count - 1 - Self.pastChainLimit
        guard recent > 0, known[..<recent].contains(where: \.skipped.isEmpty) else { return }
        known = known[..<recent].filter { !$0.skipped.isEmpty } + known[recent...]
    }
}
