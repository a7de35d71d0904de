import ChatProtocol
import TransferCore

/// What the engine says, as the bytes of chat messages.
enum ChatText {
}
