"""What is asked: items, studies, designs and paradigms."""
